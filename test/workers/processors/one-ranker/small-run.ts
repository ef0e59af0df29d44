// Runs of OneRanker over the small world.

import { type TrainingRun, trainingRun } from '../../../../crds/kinds/training-run.ts'
import type { ProgressUpdate } from '../../../../workers/processors/context.ts'
import { openOneRankerInputs } from '../../../../workers/processors/one-ranker/inputs.ts'
import { processOneRankerTrainingRun } from '../../../../workers/processors/one-ranker/training-run.ts'
import { contextIn, payloadOf, type World, withDefaults } from '../staged/small-world.ts'

type Spec = TrainingRun['spec']

export const smallStages = {
  pretrain: { targets: ['Exposed', 'NextItems'] },
  reward: { maxEpochs: 2, batchSize: 16 },
  ranking: { maxEpochs: 2, batchSize: 32, consistencyWarmupSteps: 2, ownCandidates: 2 },
  payment: { requests: 3, maxEpochs: 3, batchSize: 8 },
}

export const smallSpec = (stages: object = smallStages, oneRanker: object = {}): Spec =>
  withDefaults(trainingRun.spec, {
    datasetRef: { name: 'market' },
    tokenizerRef: { name: 'market' },
    model: {
      architecture: 'OneRanker',
      layers: 1,
      hiddenSize: 8,
      heads: 2,
      feedForwardSize: 8,
      historyLength: 3,
      contentDimensions: 4,
      oneRanker: {
        listLength: 3,
        historyTokens: 'Summed',
        interestTokens: 2,
        fakeItems: 4,
        refinementLayers: 1,
        candidates: 6,
        reward: { hiddenSize: 8, heads: 2, towers: [4] },
        payment: { hidden: [4] },
        ...oneRanker,
      },
    },
    stages,
    optimizer: { batchSize: 32, warmupSteps: 1 },
    maxEpochs: 2,
    checkpointSteps: 1,
  })

/** What a run would work on. */
export const inputsOf = (world: World, spec: Spec) =>
  openOneRankerInputs(payloadOf('TrainingRun', spec, { ...world.inputs }), contextIn(world))

/** @param namespace stages are shared within one only */
export async function train(
  world: World,
  spec: Spec,
  { namespace, stopAt }: { namespace?: string; stopAt?: (update: ProgressUpdate) => boolean } = {},
) {
  const context = contextIn(world, stopAt)
  const payload = payloadOf('TrainingRun', spec, { ...world.inputs }, namespace)
  const outcome = await processOneRankerTrainingRun(payload, context)
  return { ...outcome, updates: context.updates }
}
