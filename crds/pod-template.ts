import { object, optional, passedOn, stringMap } from './schema.ts'

/** The user's part of a Pod that the operator makes. */
export const podTemplate = (specDescription: string, description: string) =>
  optional(
    object(
      {
        metadata: optional(
          object(
            {
              labels: optional(stringMap(32, 63, { description: 'Added to the labels of the Pods.' })),
              annotations: optional(stringMap(32, 4096, { description: 'Annotations of the Pods.' })),
            },
            { description: 'Metadata of the Pods.' },
          ),
        ),
        spec: optional(passedOn<Record<string, unknown>>({ description: specDescription })),
      },
      { description },
    ),
  )
