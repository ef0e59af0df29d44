// Runs of EGA-V2 over the small world.

import { type TrainingRun, trainingRun } from '../../../../crds/kinds/training-run.ts'
import type { ProgressUpdate } from '../../../../workers/processors/context.ts'
import { openEgaInputs } from '../../../../workers/processors/ega/inputs.ts'
import { processEgaTrainingRun } from '../../../../workers/processors/ega/training-run.ts'
import { contextIn, payloadOf, type World, withDefaults } from '../staged/small-world.ts'

type Spec = TrainingRun['spec']

export const smallStages = {
  pretrain: { targets: ['Exposed', 'NextItems'] },
  reward: { maxEpochs: 2, batchSize: 16 },
  allocation: { requests: 8, batchSize: 4 },
  payment: { requests: 3, maxEpochs: 3, batchSize: 8 },
}

export const smallSpec = (stages: object = smallStages, ega: object = {}): Spec =>
  withDefaults(trainingRun.spec, {
    datasetRef: { name: 'market' },
    tokenizerRef: { name: 'market' },
    model: {
      architecture: 'EGAV2',
      layers: 1,
      hiddenSize: 8,
      heads: 2,
      feedForwardSize: 8,
      historyLength: 3,
      contentDimensions: 4,
      ega: {
        listLength: 3,
        historyTokens: 'Summed',
        candidateLists: 4,
        reward: { hiddenSize: 8, heads: 2, towers: [4] },
        payment: { hidden: [4] },
        ...ega,
      },
    },
    stages,
    optimizer: { batchSize: 32, warmupSteps: 1 },
    maxEpochs: 1,
    checkpointSteps: 1,
  })

/** What a run would work on. */
export const inputsOf = (world: World, spec: Spec) =>
  openEgaInputs(payloadOf('TrainingRun', spec, { ...world.inputs }), contextIn(world))

/** @param namespace stages are shared within one only */
export async function train(
  world: World,
  spec: Spec,
  { namespace, stopAt }: { namespace?: string; stopAt?: (update: ProgressUpdate) => boolean } = {},
) {
  const context = contextIn(world, stopAt)
  const payload = payloadOf('TrainingRun', spec, { ...world.inputs }, namespace)
  const outcome = await processEgaTrainingRun(payload, context)
  return { ...outcome, updates: context.updates }
}
