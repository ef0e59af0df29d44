import { accelerator } from '../accelerator.ts'
import { autoscaling } from '../autoscaling.ts'
import { defineKind, type ObjectOf } from '../kind.ts'
import { podTemplate } from '../pod-template.ts'
import { rolloutSpec, rolloutStatus } from '../rollout.ts'
import { messageColumn, stateColumn } from '../run.ts'
import { boolean, digest, integer, object, optional, reference, statusOf, text } from '../schema.ts'
import { serving } from '../serving.ts'

const servedModel = object(
  {
    trainingRunRef: optional(reference({ description: 'TrainingRun whose artifact is served.' })),
    digest: optional(digest({ description: 'Artifact of a TrainingRun in the store.' })),
    pipelineRef: optional(reference({ description: 'RankerPipeline whose champion is served, whichever it is.' })),
  },
  {
    description: 'What is served.',
    rules: [
      {
        rule: '[has(self.trainingRunRef), has(self.digest), has(self.pipelineRef)].exists_one(given, given)',
        message: 'give exactly one of trainingRunRef, digest and pipelineRef',
      },
    ],
  },
)

/** Serves a model over HTTP. */
export const rankerDeployment = defineKind({
  kind: 'RankerDeployment',
  plural: 'rankerdeployments',
  shortNames: ['rd'],
  description:
    'Serves a model over HTTP: a Deployment and a Service of the same name. Available says that something serves, Ready that the wanted model does. A new model takes over by the steps of spec.rollout.',
  spec: object(
    {
      model: servedModel,
      evaluationRef: optional(
        reference({ description: 'Evaluation of this very model that must be Passed before it is served.' }),
      ),
      replicas: optional(
        integer(0, 1000, {
          description:
            'Pods; absent: 1 at first, and from then on what autoscaling, or whoever else scales the Deployment, makes it.',
        }),
      ),
      autoscaling: optional(autoscaling),
      suspend: boolean({ description: 'Leaves what serves as it is, whatever else changes.', default: false }),
      progressDeadlineSeconds: integer(1, 86_400, {
        description: 'A rollout that makes no progress for this long is aborted: what served before goes on serving.',
        default: 600,
      }),
      rollout: rolloutSpec,
      serving,
      accelerator: optional(accelerator),
      template: podTemplate(
        'PodSpec merged over the default one; the container named `ranker` is the server.',
        'Template of the Pods.',
      ),
    },
    {
      description: 'What is wanted.',
      rules: [
        {
          rule: '!has(self.autoscaling) || !has(self.replicas)',
          message: 'give replicas or autoscaling: with autoscaling the number is not ours to set',
        },
        {
          rule: "!has(self.accelerator) || self.serving.executionProvider != 'CPU'",
          message: 'an accelerator goes with serving.executionProvider CUDA: on the CPU it would be held and not used',
        },
      ],
    },
  ),
  status: statusOf({
    wantedDigest: optional(digest({ description: 'Model that is wanted.' })),
    servedDigest: optional(digest({ description: 'Model that all ready Pods of stable have loaded.' })),
    ...rolloutStatus,
    auctionSettings: optional(
      object(
        {
          wanted: text(64, { description: 'Revision of spec.serving.auction, as answers name it.' }),
          served: optional(
            text(64, { description: 'Revision that all ready Pods answer by; absent while they differ.' }),
          ),
        },
        { description: 'Settings of the auction on their way to the Pods.' },
      ),
    ),
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
    { name: 'Step', type: 'integer', jsonPath: '.status.rollout.step' },
    { name: 'Weight', type: 'integer', jsonPath: '.status.rollout.actualWeight' },
    { name: 'URL', type: 'string', jsonPath: '.status.url' },
    messageColumn,
  ],
})

export type RankerDeployment = ObjectOf<typeof rankerDeployment>
