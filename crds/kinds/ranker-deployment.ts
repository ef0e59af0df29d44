import { defineKind, type ObjectOf } from '../kind.ts'
import { podTemplate } from '../pod-template.ts'
import { messageColumn, stateColumn } from '../run.ts'
import { boolean, digest, integer, object, optional, reference, statusOf, text } from '../schema.ts'
import { serving } from '../serving.ts'
import { modelReference } from './evaluation.ts'

/** Serves a model over HTTP. */
export const rankerDeployment = defineKind({
  kind: 'RankerDeployment',
  plural: 'rankerdeployments',
  shortNames: ['rd'],
  description:
    'Serves a model over HTTP: a Deployment and a Service of the same name. Available says that something serves, Ready that the wanted model does.',
  spec: object(
    {
      model: modelReference('What is served.'),
      evaluationRef: optional(
        reference({ description: 'Evaluation of this very model that must be Passed before it is served.' }),
      ),
      replicas: optional(
        integer(0, 1000, { description: 'Pods; absent: 1, or what an autoscaler set on the Deployment.' }),
      ),
      suspend: boolean({ description: 'Leaves what serves as it is, whatever else changes.', default: false }),
      progressDeadlineSeconds: integer(1, 86_400, {
        description:
          'A rollout that makes no progress for this long is reported as Stalled; what served goes on serving.',
        default: 600,
      }),
      serving,
      template: podTemplate(
        'PodSpec merged over the default one; the container named `ranker` is the server.',
        'Template of the Pods.',
      ),
    },
    { description: 'What is wanted.' },
  ),
  status: statusOf({
    wantedDigest: optional(digest({ description: 'Model that is wanted.' })),
    servedDigest: optional(digest({ description: 'Model that all ready Pods have loaded.' })),
    replicas: optional(integer(0, 1_000_000, { description: 'Pods.' })),
    readyReplicas: optional(integer(0, 1_000_000, { description: 'Pods that answer.' })),
    selector: optional(text(1024, { description: 'Label selector of the Pods.' })),
    url: optional(text(1024, { description: 'Where requests go.' })),
  }),
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
  columns: [
    stateColumn,
    { name: 'Available', type: 'string', jsonPath: '.status.conditions[?(@.type=="Available")].status' },
    { name: 'Ready Pods', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'URL', type: 'string', jsonPath: '.status.url' },
    messageColumn,
  ],
})

export type RankerDeployment = ObjectOf<typeof rankerDeployment>
