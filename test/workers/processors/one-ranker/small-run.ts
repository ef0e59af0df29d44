// Runs of OneRanker over the small world.

import { openOneRankerInputs } from '../../../../workers/processors/one-ranker/inputs.ts'
import { processOneRankerTrainingRun } from '../../../../workers/processors/one-ranker/training-run.ts'
import { type Spec, smallParts, smallSpecOf, trainBy } from '../staged/small-run.ts'
import { contextIn, payloadOf, type World } from '../staged/small-world.ts'

export const smallStages = {
  pretrain: { targets: ['Exposed', 'NextItems'] },
  reward: { maxEpochs: 2, batchSize: 16 },
  ranking: { maxEpochs: 2, batchSize: 32, consistencyWarmupSteps: 2, ownCandidates: 2 },
  payment: { requests: 3, maxEpochs: 3, batchSize: 8 },
}

const small = { ...smallParts, interestTokens: 2, fakeItems: 4, refinementLayers: 1, candidates: 6 }

export const smallSpec = (stages: object = smallStages, oneRanker: object = {}): Spec =>
  smallSpecOf({ architecture: 'OneRanker', oneRanker: { ...small, ...oneRanker } }, stages, 2)

/** What a run would work on. */
export const inputsOf = (world: World, spec: Spec) =>
  openOneRankerInputs(payloadOf('TrainingRun', spec, { ...world.inputs }), contextIn(world))

export const train = trainBy(processOneRankerTrainingRun)
