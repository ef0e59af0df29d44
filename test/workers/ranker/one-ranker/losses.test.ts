import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  catalogueConsistencyLoss,
  catalogueLosses,
  consistencyLoss,
  logPartition,
  multiTokenLoss,
  pairwiseLoss,
} from '../../../../workers/ranker/one-ranker/losses.ts'
import { gradients } from '../../../../workers/tensor/autodiff.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { float32, int32, Session, type Tensors } from '../../../../workers/tensor/session.ts'

/** The loss of these tensors, and its gradient by each that is named. */
async function lossOf(
  tensors: Tensors,
  build: (values: Record<string, Value>) => Value,
  by: readonly string[] = [],
): Promise<{ loss: number; gradient: Record<string, number[]> }> {
  const graph = new Graph()
  const values = Object.fromEntries(
    Object.entries(tensors).map(([name, { type, shape }]) => [name, graph.input(name, type, shape)]),
  )
  const loss = build(values)
  graph.output('loss', loss)
  const found = gradients(
    loss,
    by.map((name) => values[name]),
  )
  for (const [index, name] of by.entries()) graph.output(`gradient of ${name}`, found[index])
  const session = await Session.create(writeModel(graph), { threads: 1 })
  const outputs = await session.run(tensors)
  await session.release()
  const gradient = by.map((name) => [name, Array.from(outputs[`gradient of ${name}`].data as Float32Array)])
  return { loss: Number(outputs.loss.data[0]), gradient: Object.fromEntries(gradient) }
}

const softmax = (scores: readonly number[]): number[] => {
  const most = Math.max(...scores)
  const masses = scores.map((score) => Math.exp(score - most))
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  return masses.map((mass) => mass / total)
}

describe('the loss of multi-token prediction', () => {
  const scores = [
    [
      [1, 2, 0.5],
      [0, -1, 3],
    ],
    [
      [2, 2, 2],
      [-4, 1, 1.5],
    ],
  ]
  const targets = [
    [1, 2],
    [0, 1],
  ]

  test('is the sum over tasks of mean negative log-likelihoods, by weight', async () => {
    const weights = [
      [1, 0.5],
      [1, 0],
    ]
    const { loss } = await lossOf(
      {
        scores: float32([2, 2, 3], scores.flat(2)),
        targets: int32([2, 2], targets.flat()),
        weights: float32([2, 2], weights.flat()),
      },
      (values) => multiTokenLoss(catalogueLosses(values.scores, values.targets), values.weights),
    )
    const terms = scores.flatMap((tasks, request) =>
      tasks.map((row, task) => -weights[request][task] * Math.log(softmax(row)[targets[request][task]])),
    )
    const total = weights.flat().reduce((sum, weight) => sum + weight, 0)
    expect(loss).toBeCloseTo((2 * terms.reduce((sum, term) => sum + term, 0)) / total, 5)
  })

  test('is 0 where there is no target', async () => {
    const none = { losses: float32([1, 2], [3, 4]), weights: float32([1, 2], [0, 0]) }
    expect((await lossOf(none, ({ losses, weights }) => multiTokenLoss(losses, weights))).loss).toBe(0)
  })
})

describe('the pairwise loss', () => {
  const pairwise = (
    scores: readonly number[],
    labels: readonly number[],
    mask: readonly number[] = labels.map(() => 1),
  ) => {
    const size = [1, scores.length]
    return lossOf(
      { scores: float32(size, scores), labels: float32(size, labels), mask: float32(size, mask) },
      (values) => pairwiseLoss(values.scores, values.labels, values.mask),
      ['scores'],
    )
  }

  test('is the mean over pairs of different labels, padding aside', async () => {
    const list = fc.array(
      fc.record({
        score: fc.double({ min: -5, max: 5, noNaN: true }),
        label: fc.integer({ min: 0, max: 3 }),
        there: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(list, async (entries) => {
        const pairs = entries.flatMap((one) =>
          entries.flatMap((other) =>
            one.there && other.there && one.label > other.label
              ? [Math.log1p(Math.exp(-(one.score - other.score)))]
              : [],
          ),
        )
        const expected = pairs.reduce((sum, loss) => sum + loss, 0) / Math.max(1, pairs.length)
        const { loss } = await pairwise(
          entries.map(({ score }) => score),
          entries.map(({ label }) => label),
          entries.map(({ there }) => Number(there)),
        )
        expect(loss).toBeCloseTo(expected, 4)
      }),
      { numRuns: 15 },
    )
  })

  test('falls as the gap of a rightly ordered pair grows', async () => {
    const losses: number[] = []
    for (const gap of [-2, 0, 1, 3, 8]) losses.push((await pairwise([gap, 0], [2, 1])).loss)
    expect(losses).toEqual(losses.toSorted((one, other) => other - one))
    expect(losses[1]).toBeCloseTo(Math.log(2), 6)
  })

  test('is 0, and pulls at nothing, where all labels are equal', async () => {
    const { loss, gradient } = await pairwise([1, -3, 2], [4, 4, 4])
    expect(loss).toBe(0)
    expect(gradient.scores.every((each) => each === 0)).toBe(true)
  })
})

describe('the consistency loss', () => {
  const consistency = (
    generator: readonly number[],
    ranker: readonly number[],
    mask: readonly number[],
    temperature: number,
  ) => {
    const size = [1, generator.length]
    return lossOf(
      { generator: float32(size, generator), ranker: float32(size, ranker), mask: float32(size, mask) },
      (values) => consistencyLoss(values.generator, values.ranker, values.mask, temperature),
      ['generator', 'ranker'],
    )
  }
  const ranker = [2, -1, 0.5, 9]
  const there = [1, 1, 1, 0]

  test('is the cross-entropy of both distributions over the candidates, and pulls at the generator by their difference', async () => {
    const generator = [0.3, 1, -2, 5]
    const { loss, gradient } = await consistency(generator, ranker, there, 2)
    const p = softmax([1, -0.5, 0.25])
    const pi = softmax(generator.slice(0, 3))
    expect(loss).toBeCloseTo(-p.reduce((sum, share, index) => sum + share * Math.log(pi[index]), 0), 5)
    for (const [index, share] of p.entries()) expect(gradient.generator[index]).toBeCloseTo(pi[index] - share, 5)
    expect(gradient.generator[3]).toBe(0)
    expect(gradient.ranker.every((each) => each === 0)).toBe(true)
  })

  test('pulls at nothing where the generator agrees with the ranker', async () => {
    const { gradient } = await consistency([1 + 7, -0.5 + 7, 0.25 + 7, -3], ranker, there, 2)
    for (const each of gradient.generator) expect(Math.abs(each)).toBeLessThan(1e-6)
  })

  test('is a mean over requests that have candidates', async () => {
    const twice = (row: readonly number[]) => [...row, ...row]
    const size = [2, 4]
    const tensors = {
      generator: float32(size, twice([0.3, 1, -2, 5])),
      ranker: float32(size, twice(ranker)),
      mask: float32(size, [...there, 0, 0, 0, 0]),
    }
    const build = (values: Record<string, Value>) => consistencyLoss(values.generator, values.ranker, values.mask, 2)
    const { loss } = await lossOf(tensors, build)
    expect(loss).toBeCloseTo((await consistency([0.3, 1, -2, 5], ranker, there, 2)).loss, 5)
  })

  test('is told over the whole catalogue as well, and greater there, as other items have their share', async () => {
    const generator = [0.3, 1, -2, 5]
    const all = [...generator.slice(0, 3), 0.7, 4]
    const size = [1, 4]
    const { loss } = await lossOf(
      {
        generator: float32(size, generator),
        ranker: float32(size, ranker),
        mask: float32(size, there),
        all: float32([1, 5], all),
      },
      (values) =>
        catalogueConsistencyLoss(values.generator, values.ranker, values.mask, {
          temperature: 2,
          logTotal: logPartition(values.all),
        }),
    )
    const p = softmax([1, -0.5, 0.25])
    const pi = softmax(all)
    expect(loss).toBeCloseTo(-p.reduce((sum, share, index) => sum + share * Math.log(pi[index]), 0), 5)
    expect(loss).toBeGreaterThan((await consistency(generator, ranker, there, 2)).loss)
  })

  test('lets items that were drawn stand for those that were not', async () => {
    const { loss } = await lossOf(
      { all: float32([1, 3], [100, 101, 99]), weight: float32([3], [Math.log(2), 0, Math.log(4)]) },
      (values) => logPartition(values.all, values.weight),
    )
    expect(loss).toBeCloseTo(100 + Math.log(2 + Math.E + 4 / Math.E), 4)
  })
})
