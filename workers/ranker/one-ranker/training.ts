// The stage pretrain of OneRanker: multi-token prediction alone. And what the stage ranking shares with it.

import { Random } from '../../tensor/random.ts'
import type { Schedule } from '../../tensor/schedules.ts'
import { float32, Session, type Tensors } from '../../tensor/session.ts'
import { evaluationStep, trainingStep } from '../../tensor/training-step.ts'
import { catalogueTensors, type GeneratorCatalogue } from '../ega/generator-catalogue.ts'
import { masksOfStep, onceAnEpoch, rowsOfStep } from '../epoch-rows.ts'
import {
  runStage,
  type StageMetrics,
  type StagePorts,
  type StageProgress,
  type StageResult,
  type StepContext,
  stageBetas,
  stageOptimizer,
} from '../stage-training.ts'
import type { Regularization } from '../training-model.ts'
import { type Behaviours, sampleTensors } from './sample-tensors.ts'
import { sampledTensors } from './sampled-items.ts'
import type { OneRankerShape } from './shape.ts'
import { type TargetSamples, type ValueTargets, valueTargets } from './target-samples.ts'
import {
  headCount,
  oneRankerTrainingModel,
  type RankingLosses,
  targetInputs,
  trainingPlaces,
} from './training-model.ts'

export interface OneRankerTrainingOptions {
  readonly shape: OneRankerShape
  readonly regularization: Regularization
  readonly semanticIdWeight: number
  /** Items that are drawn for each step in place of the whole catalogue; 0: the whole of it. */
  readonly sampledItems: number
  readonly schedule: { readonly kind: Schedule['kind']; readonly peak: number; readonly warmupSteps: number }
  readonly weightDecay: number
  /** 0: not clipped. */
  readonly clipNorm: number
  /** Rows of a step. */
  readonly batchSize: number
  readonly epochs: number
  /** Epochs without a lower validation loss after which training ends; 0: never. */
  readonly patience: number
  readonly seed: number
  readonly threads: number
}

export interface TargetData extends Behaviours {
  readonly catalogue: GeneratorCatalogue
  /** As many rows in every epoch. */
  train(epoch: number): TargetSamples
  readonly validation: TargetSamples
}

/** Rows of samples with their histories and targets as tensors, and what they are. */
export interface SampleBatch {
  readonly samples: TargetSamples
  readonly rows: readonly number[]
  readonly tensors: Tensors
}

/** What a stage adds to the losses and batches of multi-token prediction. */
export interface Addition {
  readonly losses: RankingLosses
  /** Further tensors of a batch in training, */
  step(context: StepContext, batch: SampleBatch): Promise<Tensors>
  /** and in validation. */
  validation(batch: SampleBatch): Promise<Tensors>
}

/** Pre-trains steps 1 and 2. The epoch with the least loss on the validation samples is kept. */
export const pretrainOneRanker = (
  options: OneRankerTrainingOptions,
  data: TargetData,
  start: StageProgress,
  ports: StagePorts,
): Promise<StageResult> => trainOneRanker(options, data, undefined, start, ports)

/** @throws StageDivergedError */
export async function trainOneRanker(
  options: OneRankerTrainingOptions,
  data: TargetData,
  addition: Addition | undefined,
  start: StageProgress,
  ports: StagePorts,
): Promise<StageResult> {
  const { shape, batchSize, epochs, seed, threads, regularization } = options
  const { items } = data.catalogue
  const constants = catalogueTensors(shape, data.catalogue)
  const modelOptions = {
    batch: batchSize,
    regularization,
    semanticIdWeight: options.semanticIdWeight,
    sampledItems: shape.refinement ? options.sampledItems : 0,
    ...(addition === undefined ? {} : { ranking: addition.losses }),
  }
  // Judged without noise; by sampled items where the whole catalogue is more than a step should hold.
  const still = { ...modelOptions, regularization: { dropout: 0, labelSmoothing: 0 } }
  const optimizer = stageOptimizer(options.weightDecay, options.clipNorm)
  const model = oneRankerTrainingModel(shape, items, modelOptions)
  const session = await Session.create(trainingStep(model, { optimizer }), { threads })
  const judge = await Session.create(evaluationStep(oneRankerTrainingModel(shape, items, still)), { threads })
  const { count } = data.train(1)
  const stepsPerEpoch = Math.ceil(count / batchSize)
  const rowsOf = rowsOfStep(count, batchSize, seed, 'one-ranker')
  const masks = masksOfStep(trainingPlaces(shape, modelOptions), regularization.dropout, seed)
  const samplesOf = onceAnEpoch((epoch) => {
    const samples = data.train(epoch)
    return { samples, values: valueTargets(samples, new Random(seed, 'values', epoch)) }
  })
  const batchOf = (samples: TargetSamples, values: ValueTargets, rows: readonly number[]): SampleBatch => ({
    samples,
    rows,
    tensors: { ...constants, ...sampleTensors(shape, data, samples, values, { rows, batch: batchSize }) },
  })
  const sampled = ({ tensors }: SampleBatch, ...place: (string | number)[]): Tensors => {
    if (modelOptions.sampledItems === 0) return {}
    const random = new Random(seed, 'sampled items', ...place)
    const targets = tensors[targetInputs.items].data as Int32Array
    return sampledTensors(targets, headCount(shape), modelOptions.sampledItems, items.itemCount, random)
  }
  const { schedule } = options
  // The generator's loss over the catalogue is some hundred times that of a ranker, where one is learned.
  const keptBy = addition === undefined ? 'loss' : 'rankLoss'
  const validated = validationOf(
    data.validation,
    { seed, batchSize, keptBy },
    async (samples, values, rows, parameters) => {
      const batch = batchOf(samples, values, rows)
      const added = (await addition?.validation(batch)) ?? {}
      const outputs = await judge.run({
        ...batch.tensors,
        ...added,
        // The same in every epoch, so that their losses compare.
        ...sampled(batch, 'validation', rows[0]),
        parameters: float32([parameters.length], parameters),
      })
      return Object.fromEntries(Object.entries(outputs).map(([name, { data: value }]) => [name, Number(value[0])]))
    },
  )
  try {
    return await runStage(
      {
        epochs,
        stepsPerEpoch,
        betas: stageBetas,
        patience: options.patience,
        schedule:
          schedule.kind === 'cosine'
            ? { ...schedule, kind: 'cosine', totalSteps: epochs * stepsPerEpoch }
            : { ...schedule, kind: schedule.kind },
        step: async (context) => {
          const { epoch, index, step } = context
          const { samples, values } = samplesOf(epoch)
          const batch = batchOf(samples, values, rowsOf(epoch, index))
          const added = (await addition?.step(context, batch)) ?? {}
          const drawn = sampled(batch, step)
          return { session, batch: { ...batch.tensors, ...drawn, ...added, ...masks(epoch, step) } }
        },
        epochEnded: (_epoch, parameters) => validated(parameters),
      },
      start,
      ports,
    )
  } finally {
    await session.release()
    await judge.release()
  }
}

type Judge = (
  samples: TargetSamples,
  values: ValueTargets,
  rows: readonly number[],
  parameters: Float32Array,
) => Promise<StageMetrics>

/** Means over the validation samples by the names of the metrics, and the score that an epoch is kept by. */
function validationOf(
  samples: TargetSamples,
  { seed, batchSize, keptBy }: { readonly seed: number; readonly batchSize: number; readonly keptBy: string },
  judge: Judge,
) {
  const values = valueTargets(samples, new Random(seed, 'values', 'validation'))
  return async (parameters: Float32Array): Promise<StageMetrics> => {
    if (samples.count === 0) return {}
    const sums: Record<string, number> = {}
    const weights: Record<string, number> = {}
    for (let from = 0; from < samples.count; from += batchSize) {
      const rows = Array.from({ length: Math.min(batchSize, samples.count - from) }, (_, row) => from + row)
      const { rankPairs = 0, ...metrics } = await judge(samples, values, rows, parameters)
      for (const [name, value] of Object.entries(metrics)) {
        const weight = ofPairs.has(name) ? rankPairs : rows.length
        sums[name] = (sums[name] ?? 0) + value * weight
        weights[name] = (weights[name] ?? 0) + weight
      }
    }
    const known = Object.keys(sums).filter((name) => weights[name] > 0)
    const means = Object.fromEntries(known.map((name) => [validationName(name), sums[name] / weights[name]]))
    // Without a pair nothing tells epochs apart, and the last is kept.
    return weights[keptBy] > 0 ? { ...means, score: -sums[keptBy] / weights[keptBy] } : means
  }
}

/** Means over the pairs of a batch. */
const ofPairs = new Set(['rankLoss', 'concordance'])

const validationName = (name: string): string => `validation${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
