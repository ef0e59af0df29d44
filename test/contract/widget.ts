const condition = {
  type: 'object',
  required: ['type', 'status'],
  properties: {
    type: { type: 'string' },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    reason: { type: 'string' },
    message: { type: 'string' },
    lastTransitionTime: { type: 'string', format: 'date-time' },
  },
}

const part = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string' },
    count: { type: 'integer', default: 1 },
    options: { type: 'object', properties: { colour: { type: 'string', default: 'grey' } } },
  },
}

const spec = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 10, description: 'How large the widget is.' },
    mode: { type: 'string', enum: ['Fast', 'Careful'], default: 'Fast' },
    replicas: { type: 'integer', minimum: 0 },
    pattern: { type: 'string', pattern: '^[a-z]+$', maxLength: 8 },
    nullable: { type: 'string', nullable: true },
    parts: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      maxItems: 8,
      items: part,
    },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    order: { type: 'array', items: { type: 'string' } },
    whole: {
      type: 'object',
      'x-kubernetes-map-type': 'atomic',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
    },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    portOrName: { 'x-kubernetes-int-or-string': true },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    nested: { type: 'object', properties: { deep: { type: 'string', default: 'set' } } },
  },
}

const status = {
  type: 'object',
  properties: {
    observedGeneration: { type: 'integer', default: -1 },
    replicas: { type: 'integer' },
    selector: { type: 'string' },
    phase: { type: 'string' },
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: condition,
    },
  },
}

/** A CRD with one of everything. */
export const widgetCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.adloom.dev' },
  spec: {
    group: 'test.adloom.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', shortNames: ['wdg'], categories: ['gadgets'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        additionalPrinterColumns: [
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1 },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A widget to test with.',
            required: ['spec'],
            properties: { spec, status },
          },
        },
      },
    ],
  },
}

/** A widget of size 1, unless the spec says otherwise. */
export function widget(name: string, spec: object = {}, metadata: object = {}): Record<string, unknown> {
  return {
    apiVersion: 'test.adloom.dev/v1',
    kind: 'Widget',
    metadata: { name, ...metadata },
    spec: { size: 1, ...spec },
  }
}
