import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { type AdamW, adamWDefaults } from '../../../workers/tensor/optimizer.ts'
import { initialParameters, parametersOf, toBytes, unpack } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { learningRate, type Schedule, stepScalars } from '../../../workers/tensor/schedules.ts'
import { float32, int32, Session, type Tensors } from '../../../workers/tensor/session.ts'
import { freshState, TrainingState } from '../../../workers/tensor/training-state.ts'
import {
  evaluationStep,
  flatGradient,
  type TrainingModel,
  trainingLoop,
  trainingStep,
} from '../../../workers/tensor/training-step.ts'
import {
  type ReferenceBatch,
  referenceGradient,
  referenceLoss,
  referenceUpdate,
} from './support/reference-transformer.ts'
import { runModel } from './support/run-graph.ts'
import { type TransformerSizes, tinyTransformer } from './support/tiny-transformer.ts'

const tiny: TransformerSizes = { layers: 2, width: 8, heads: 2, inner: 12, vocabulary: 7, batch: 2, length: 4 }
const optimizer: AdamW = { betas: [0.9, 0.98], epsilon: 1e-4, weightDecay: 0.1, clipNorm: 0.5 }
const schedule: Schedule = { kind: 'inverseSquareRoot', peak: 0.02, warmupSteps: 2 }

const randomBatch = ({ batch, length, vocabulary }: TransformerSizes, seed: number): ReferenceBatch => {
  const random = new Random('batch', seed)
  const draw = () => Array.from({ length: batch * length }, () => random.below(vocabulary))
  return {
    ids: draw(),
    labels: draw(),
    weights: Array.from({ length: batch * length }, (_, at) => (at % 5 === 3 ? 0 : 1)),
  }
}

const tensorsOf = ({ batch, length }: TransformerSizes, values: ReferenceBatch): Tensors => ({
  ids: int32([batch, length], values.ids),
  labels: int32([batch, length], values.labels),
  weights: float32([batch * length], values.weights),
})

const withSession = async <Result>(
  model: Uint8Array,
  use: (session: Session) => Promise<Result>,
  threads = 1,
): Promise<Result> => {
  const session = await Session.create(model, { threads })
  try {
    return await use(session)
  } finally {
    await session.release()
  }
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let difference = 0
  let length = 0
  for (let index = 0; index < b.length; index++) {
    difference += (a[index] - b[index]) ** 2
    length += b[index] ** 2
  }
  return Math.sqrt(difference / length)
}

/** Parameters away from their tidy start, so that no gradient is zero by accident. */
const roughParameters = (model: TrainingModel): Float32Array => {
  const random = new Random('rough')
  return initialParameters(model.layout, 5).map((number) => number + 0.2 * random.normal())
}

describe('a transformer step against plain double arithmetic', () => {
  const model = tinyTransformer(tiny)
  const batch = randomBatch(tiny, 1)
  const lossOf = (flat: Float64Array) => referenceLoss(flat, model.layout, tiny, batch)

  test('loss and whole gradient', async () => {
    const start = roughParameters(model)
    const graph = new Graph()
    const parameters = parametersOf(graph.input('parameters', 'float32', [model.layout.size]), model.layout)
    const inputs = tensorsOf(tiny, batch)
    const values = Object.fromEntries(
      Object.entries(inputs).map(([name, { type, shape }]) => [name, graph.input(name, type, shape)]),
    )
    const { loss } = model.loss(parameters, values)
    graph.output('loss', loss)
    graph.output(
      'gradient',
      flatGradient(loss, parameters, model.layout, () => true),
    )
    const found = await runModel(writeModel(graph), { ...inputs, parameters: float32([start.length], start) })
    const doubles = Float64Array.from(start)
    expect(Number(found.loss.data[0])).toBeCloseTo(lossOf(doubles), 5)
    expect(distance(found.gradient.data as Float32Array, referenceGradient(doubles, lossOf))).toBeLessThan(3e-6)
  })

  test('three AdamW steps with warm-up, decay and clipping', async () => {
    const start = roughParameters(model)
    const doubles = {
      p: Float64Array.from(start),
      m: new Float64Array(start.length),
      v: new Float64Array(start.length),
    }
    const decays = model.layout.parameters.flatMap(({ decay, size }) => Array<boolean>(size).fill(decay))
    const plain = { beta1: 0.9, beta2: 0.98, epsilon: 1e-4, weightDecay: 0.1, clipNorm: 0.5 }
    const state = new TrainingState(freshState(start))
    await withSession(trainingStep(model, { optimizer }), async (session) => {
      for (let step = 1; step <= 3; step++) {
        const expectedLoss = lossOf(doubles.p)
        const gradient = referenceGradient(doubles.p, lossOf)
        const norm = referenceUpdate(doubles, gradient, decays, plain, learningRate(schedule, step), step)
        const report = await state.advance(
          session,
          tensorsOf(tiny, batch),
          stepScalars(schedule, optimizer.betas, step),
        )
        expect(report.loss).toBeCloseTo(expectedLoss, 4)
        expect(report.gradientNorm / norm).toBeCloseTo(1, 4)
      }
    })
    expect(state.step).toBe(3)
    const change = (after: ArrayLike<number>) => Float64Array.from(start, (before, index) => after[index] - before)
    expect(distance(change(state.parameters), change(doubles.p))).toBeLessThan(1e-3)
    const { firstMoment, secondMoment } = state.snapshot()
    expect(distance(firstMoment, doubles.m)).toBeLessThan(1e-4)
    expect(distance(secondMoment, doubles.v)).toBeLessThan(1e-4)
  })
})

test('a toy task is learned', async () => {
  const sizes = { ...tiny, batch: 16, length: 6, width: 16, inner: 32 }
  const model = tinyTransformer(sizes)
  const random = new Random('toy')
  const settings = { ...adamWDefaults, weightDecay: 0 }
  const state = new TrainingState(freshState(initialParameters(model.layout, 1)))
  const losses = await withSession(trainingStep(model, { optimizer: settings }), async (session) => {
    const seen: number[] = []
    for (let step = 1; step <= 150; step++) {
      // The next token is the sum of the last two: it takes attention to the previous position.
      const rows = Array.from({ length: sizes.batch }, () => {
        const row = [random.below(7), random.below(7)]
        while (row.length <= sizes.length) row.push((row[row.length - 1] + row[row.length - 2]) % 7)
        return row
      })
      const batch = {
        ids: int32(
          [16, 6],
          rows.flatMap((row) => row.slice(0, -1)),
        ),
        labels: int32(
          [16, 6],
          rows.flatMap((row) => row.slice(1)),
        ),
        weights: float32(
          [96],
          rows.flatMap(() => [0, 1, 1, 1, 1, 1]),
        ),
      }
      const scalars = stepScalars(
        { kind: 'cosine', peak: 0.01, warmupSteps: 10, totalSteps: 150 },
        settings.betas,
        step,
      )
      seen.push((await state.advance(session, batch, scalars)).loss)
    }
    return seen
  })
  expect(losses[0]).toBeGreaterThan(1.7)
  expect(losses[losses.length - 1]).toBeLessThan(0.2)
})

describe('graphs that share the flat vectors', () => {
  test('a padded row with weight zero changes nothing', async () => {
    const wide = { ...tiny, batch: 3 }
    const [small, padded] = [tinyTransformer(tiny), tinyTransformer(wide)]
    const batch = randomBatch(tiny, 2)
    const filler = new Array<number>(tiny.length).fill(0)
    const longer = {
      ids: [...batch.ids, ...filler],
      labels: [...batch.labels, ...filler],
      weights: [...batch.weights, ...filler],
    }
    const momentAfter = async (model: TrainingModel, tensors: Tensors) => {
      const state = new TrainingState(freshState(roughParameters(small)))
      await withSession(trainingStep(model, { optimizer }), (session) =>
        state.advance(session, tensors, stepScalars(schedule, optimizer.betas, 1)),
      )
      return state.snapshot().firstMoment
    }
    const difference = distance(
      await momentAfter(padded, tensorsOf(wide, longer)),
      await momentAfter(small, tensorsOf(tiny, batch)),
    )
    expect(difference).toBeLessThan(1e-5)
  })

  test('parameters that are not trained stay as they are', async () => {
    const model = tinyTransformer(tiny)
    const start = roughParameters(model)
    const state = new TrainingState(freshState(start))
    const step = trainingStep(model, { optimizer, trained: (name) => name.startsWith('1.') })
    await withSession(step, (session) =>
      state.advance(session, tensorsOf(tiny, randomBatch(tiny, 3)), stepScalars(schedule, optimizer.betas, 1)),
    )
    const before = unpack(start, model.layout)
    for (const [name, values] of unpack(state.parameters, model.layout)) {
      if (name.startsWith('1.')) expect(values, name).not.toEqual(before.get(name))
      else expect(values, name).toEqual(before.get(name))
    }
  })

  test('the evaluation graph gives the loss of the step graph', async () => {
    const model = tinyTransformer(tiny)
    const start = roughParameters(model)
    const batch = tensorsOf(tiny, randomBatch(tiny, 4))
    const { loss } = await runModel(evaluationStep(model), { ...batch, parameters: float32([start.length], start) })
    const state = new TrainingState(freshState(start))
    const report = await withSession(trainingStep(model, { optimizer }), (session) =>
      state.advance(session, batch, stepScalars(schedule, optimizer.betas, 1)),
    )
    expect(report.loss).toBe(Number(loss.data[0]))
  })
})

/** Adds an accuracy, so that metrics go through the loop too. */
const withMetric = (model: TrainingModel): TrainingModel => ({
  ...model,
  loss: (parameters, batch) => {
    const { loss } = model.loss(parameters, batch)
    return { loss, metrics: { twice: op.scale(loss, 2) } }
  },
})

test('a loop of steps gives the bytes of as many single steps', async () => {
  const model = withMetric(tinyTransformer(tiny))
  const batches = [1, 2, 3, 4].map((seed) => tensorsOf(tiny, randomBatch(tiny, seed)))
  const scalars = batches.map((_, index) => stepScalars(schedule, optimizer.betas, index + 1))
  const single = new TrainingState(freshState(roughParameters(model)))
  const reports = await withSession(trainingStep(model, { optimizer }), async (session) => {
    const found: Record<string, number>[] = []
    for (const [index, batch] of batches.entries()) found.push(await single.advance(session, batch, scalars[index]))
    return found
  })
  const stacked: Tensors = {
    ids: int32(
      [4, 2, 4],
      batches.flatMap(({ ids }) => Array.from(ids.data, Number)),
    ),
    labels: int32(
      [4, 2, 4],
      batches.flatMap(({ labels }) => Array.from(labels.data, Number)),
    ),
    weights: float32(
      [4, 8],
      batches.flatMap(({ weights }) => Array.from(weights.data, Number)),
    ),
  }
  const looped = new TrainingState(freshState(roughParameters(model)))
  const report = await withSession(trainingLoop(model, { optimizer }, 4), (session) =>
    looped.advanceMany(session, stacked, scalars),
  )
  expect(looped.snapshot()).toEqual(single.snapshot())
  expect(report.loss).toEqual(reports.map(({ loss }) => loss))
  expect(report.twice).toEqual(reports.map(({ twice }) => twice))
})

describe('traps of the engine', () => {
  const medium: TransformerSizes = {
    layers: 2,
    width: 128,
    heads: 4,
    inner: 256,
    vocabulary: 300,
    batch: 8,
    length: 24,
  }

  test('embedding gradients never go through ScatterND, which races on CPU', () => {
    for (const vocabulary of [7, 300]) {
      const model = tinyTransformer({ ...tiny, vocabulary })
      const single = Buffer.from(trainingStep(model, { optimizer }))
      expect(single.includes('ScatterND')).toBe(false)
      expect(single.includes('ScatterElements')).toBe(true)
      expect(Buffer.from(trainingLoop(model, { optimizer }, 2)).includes('ScatterND')).toBe(false)
    }
  })

  test('fifteen steps give the same bytes on one thread and two, and again', async () => {
    const model = tinyTransformer(medium)
    const bytes = trainingStep(model, { optimizer: adamWDefaults })
    const digest = async (threads: number) => {
      const state = new TrainingState(freshState(initialParameters(model.layout, 1)))
      await withSession(
        bytes,
        async (session) => {
          for (let step = 1; step <= 15; step++)
            await state.advance(
              session,
              tensorsOf(medium, randomBatch(medium, step)),
              stepScalars(schedule, [0.9, 0.999], step),
            )
        },
        threads,
      )
      return createHash('sha256').update(toBytes(state.parameters)).digest('hex')
    }
    const first = await digest(1)
    expect(await digest(2)).toBe(first)
    expect(await digest(2)).toBe(first)
    expect(await digest(1)).toBe(first)
  })

  test('a resumed state goes on as if it had never stopped', async () => {
    const model = tinyTransformer(tiny)
    await withSession(trainingStep(model, { optimizer }), async (session) => {
      const advance = async (state: TrainingState, until: number) => {
        while (state.step < until) {
          const step = state.step + 1
          await state.advance(
            session,
            tensorsOf(tiny, randomBatch(tiny, step)),
            stepScalars(schedule, optimizer.betas, step),
          )
        }
      }
      const unbroken = new TrainingState(freshState(roughParameters(model)))
      await advance(unbroken, 3)
      const checkpoint = unbroken.snapshot()
      await advance(unbroken, 6)
      const resumed = new TrainingState(checkpoint)
      await advance(resumed, 6)
      expect(resumed.snapshot()).toEqual(unbroken.snapshot())
    })
  })
})
