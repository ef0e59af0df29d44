// Runs of EGA-V2 over the small world.

import { openEgaInputs } from '../../../../workers/processors/ega/inputs.ts'
import { processEgaTrainingRun } from '../../../../workers/processors/ega/training-run.ts'
import { type Spec, smallParts, smallSpecOf, trainBy } from '../staged/small-run.ts'
import { contextIn, payloadOf, type World } from '../staged/small-world.ts'

export const smallStages = {
  pretrain: { targets: ['Exposed', 'NextItems'] },
  reward: { maxEpochs: 2, batchSize: 16 },
  allocation: { requests: 8, batchSize: 4 },
  payment: { requests: 3, maxEpochs: 3, batchSize: 8 },
}

export const smallSpec = (stages: object = smallStages, ega: object = {}): Spec =>
  smallSpecOf({ architecture: 'EGAV2', ega: { ...smallParts, candidateLists: 4, ...ega } }, stages, 1)

/** What a run would work on. */
export const inputsOf = (world: World, spec: Spec) =>
  openEgaInputs(payloadOf('TrainingRun', spec, { ...world.inputs }), contextIn(world))

export const train = trainBy(processEgaTrainingRun)
