import type { Schema } from './schema.ts'

const text: Schema = { type: 'string' }
const texts: Schema = { type: 'object', additionalProperties: text }
const count: Schema = { type: 'integer', format: 'int64' }

/** metav1.ObjectMeta, with the list types that server-side apply goes by. */
export const objectMetaSchema: Schema = {
  type: 'object',
  description: "Standard object's metadata.",
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    selfLink: text,
    uid: text,
    resourceVersion: text,
    generation: count,
    creationTimestamp: { type: 'string', nullable: true },
    deletionTimestamp: { type: 'string', nullable: true },
    deletionGracePeriodSeconds: { ...count, nullable: true },
    labels: { ...texts, nullable: true },
    annotations: { ...texts, nullable: true },
    finalizers: { type: 'array', nullable: true, items: text, 'x-kubernetes-list-type': 'set' },
    ownerReferences: {
      type: 'array',
      nullable: true,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: {
      type: 'array',
      nullable: true,
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
}

/** A kind's schema with the parts that every object has. What a CRD says of metadata.name is kept. */
export function withObjectParts(schema: Schema): Schema {
  const own = schema.properties?.metadata?.properties
  const metadata: Schema = {
    ...objectMetaSchema,
    properties: {
      ...objectMetaSchema.properties,
      ...(own?.name && { name: own.name }),
      ...(own?.generateName && { generateName: own.generateName }),
    },
  }
  return { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, metadata } }
}
