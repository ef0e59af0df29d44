// Step 1 of training (Sec. 4.4.1): batches of lists through the loss of `pretrainingModel`.

import type { Dataset } from '../../data/dataset-reader.ts'
import type { Schedule } from '../../tensor/schedules.ts'
import { float32, int32, Session, type Tensors } from '../../tensor/session.ts'
import { evaluationStep, trainingStep } from '../../tensor/training-step.ts'
import { masksOfStep, rowsOfStep } from '../epoch-rows.ts'
import {
  runStage,
  type Stage,
  type StagePorts,
  type StageProgress,
  type StageResult,
  stageBetas,
  stageOptimizer,
} from '../stage-training.ts'
import type { Regularization } from '../training-model.ts'
import { catalogueTensors, type GeneratorCatalogue } from './generator-catalogue.ts'
import type { GeneratorShape } from './generator-shape.ts'
import { historyTensors } from './history-tensors.ts'
import { historyOfSample, type ListSamples } from './list-samples.ts'
import { generatorPlaces, listInputs, pretrainingModel } from './pretraining-model.ts'

export interface PretrainingOptions {
  readonly shape: GeneratorShape
  readonly regularization: Regularization
  readonly schedule: { readonly kind: Schedule['kind']; readonly peak: number; readonly warmupSteps: number }
  readonly weightDecay: number
  readonly clipNorm: number
  readonly batchSize: number
  readonly epochs: number
  readonly patience: number
  readonly seed: number
  readonly threads: number
}

export interface PretrainingData {
  readonly dataset: Pick<Dataset, 'events' | 'offsets'>
  readonly catalogue: GeneratorCatalogue
  readonly train: ListSamples
  readonly validation: ListSamples
  /** Creative of each event, as `creativesOfEvents` gives it of the training part. */
  readonly eventCreatives: Int32Array | undefined
}

/** A batch of samples; rows beyond them have no weight. */
const batchTensors = (
  shape: GeneratorShape,
  data: Pick<PretrainingData, 'dataset' | 'eventCreatives'>,
  samples: ListSamples,
  rows: readonly number[],
  batch: number,
): Tensors => {
  const { length } = samples
  const items = new Int32Array(batch * length)
  const creatives = new Int32Array(batch * length).fill(-1)
  const weights = new Float32Array(batch * length)
  const creativeWeights = new Float32Array(batch * length)
  const histories = Array.from({ length: batch }, (_, row) => {
    const sample = rows[row]
    if (sample === undefined) return { items: new Uint32Array(0) }
    const { dataset, eventCreatives } = data
    const history = historyOfSample(dataset, samples.user[sample], samples.historyEnd[sample])
    const first = (history.byteOffset - dataset.events.byteOffset) / history.BYTES_PER_ELEMENT
    return { items: history, creatives: eventCreatives?.subarray(first, first + history.length) }
  })
  for (const [row, sample] of rows.entries()) {
    const from = sample * length
    items.set(samples.items.subarray(from, from + length), row * length)
    creatives.set(samples.creatives.subarray(from, from + length), row * length)
    weights.set(samples.weights.subarray(from, from + length), row * length)
    for (let slot = 0; slot < length; slot++)
      if (samples.creatives[from + slot] >= 0) creativeWeights[row * length + slot] = samples.weights[from + slot]
  }
  return {
    ...historyTensors(shape, histories),
    [listInputs.items]: int32([batch, length], items),
    [listInputs.weights]: float32([batch, length], weights),
    ...(shape.creatives === undefined
      ? {}
      : {
          [listInputs.creatives]: int32([batch, length], creatives),
          [listInputs.creativeWeights]: float32([batch, length], creativeWeights),
        }),
  }
}

/** Pre-trains a generator. The epoch with the least loss on the validation lists is kept. */
export async function pretrain(
  options: PretrainingOptions,
  data: PretrainingData,
  start: StageProgress,
  ports: StagePorts,
): Promise<StageResult> {
  const { shape, batchSize, epochs, seed, threads, regularization } = options
  const { catalogue, train, validation } = data
  const creativeCount = catalogue.creatives?.count ?? 0
  const constants = catalogueTensors(shape, catalogue)
  const model = pretrainingModel(shape, catalogue.items, creativeCount, { batch: batchSize, regularization })
  const still = { dropout: 0, labelSmoothing: 0 }
  const judged = pretrainingModel(shape, catalogue.items, creativeCount, { batch: batchSize, regularization: still })
  const optimizer = stageOptimizer(options.weightDecay, options.clipNorm)
  const session = await Session.create(trainingStep(model, { optimizer }), { threads })
  const judge = await Session.create(evaluationStep(judged), { threads })
  const stepsPerEpoch = Math.ceil(train.count / batchSize)
  const totalSteps = epochs * stepsPerEpoch
  const { schedule } = options
  const rows = rowsOfStep(train.count, batchSize, seed, 'pretraining')
  const places = regularization.dropout > 0 ? generatorPlaces(shape, batchSize) : []
  const masks = masksOfStep(places, regularization.dropout, seed)
  const stage: Stage = {
    epochs,
    stepsPerEpoch,
    betas: stageBetas,
    patience: options.patience,
    schedule:
      schedule.kind === 'cosine' ? { ...schedule, kind: 'cosine', totalSteps } : { ...schedule, kind: schedule.kind },
    step: async ({ epoch, index, step }) => {
      const batch = batchTensors(shape, data, train, rows(epoch, index), batchSize)
      return { session, batch: { ...constants, ...batch, ...masks(epoch, step) } }
    },
    epochEnded: async (_epoch, parameters) => {
      if (validation.count === 0) return {}
      let total = 0
      let weight = 0
      for (let from = 0; from < validation.count; from += batchSize) {
        const chosen = Array.from({ length: Math.min(batchSize, validation.count - from) }, (_, row) => from + row)
        const batch = batchTensors(shape, data, validation, chosen, batchSize)
        const { loss } = await judge.run({
          ...constants,
          ...batch,
          parameters: float32([parameters.length], parameters),
        })
        total += Number(loss.data[0]) * chosen.length
        weight += chosen.length
      }
      return { validationLoss: total / weight, score: -total / weight }
    },
  }
  try {
    return await runStage(stage, start, ports)
  } finally {
    await session.release()
    await judge.release()
  }
}
