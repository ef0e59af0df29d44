import { digest, object, optional, reference } from './schema.ts'

/** A trained model: the result of a run, or an artifact by its digest. */
export const modelReference = (description: string) =>
  object(
    {
      trainingRunRef: optional(reference({ description: 'TrainingRun whose artifact is the model.' })),
      digest: optional(digest({ description: 'Artifact of a TrainingRun in the store.' })),
    },
    {
      description,
      rules: [
        {
          rule: 'has(self.trainingRunRef) != has(self.digest)',
          message: 'give exactly one of trainingRunRef and digest',
        },
      ],
    },
  )
