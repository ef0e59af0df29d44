import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oneRankerLayout, taskCount } from '../../../../workers/ranker/one-ranker/shape.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, type WholeModel, wholeModel } from './whole-graph.ts'

const itemCount = 20
const count = 3
const shape = smallOneRanker(itemCount)
const parameters = roughOneRanker(shape)
const { hiddenSize, fakeItems, interestTokens } = shape
const tasks = taskCount(shape)
const asked = {
  histories: [{ items: Uint32Array.of(4, 11, 2) }, { items: new Uint32Array(0) }],
  candidates: [
    [3, 7, 12],
    [1, 2, 19],
  ],
}

const dot = (one: ArrayLike<number>, other: ArrayLike<number>): number =>
  Array.from(one).reduce((sum, value, index) => sum + value * other[index], 0)
const rowOf = (values: Float32Array, row: number, size: number) => values.subarray(row * size, (row + 1) * size)
const quickGelu = (x: number) => x / (1 + Math.exp(-1.702 * x))

describe('the dual-channel score', () => {
  const named = unpack(parameters, oneRankerLayout(shape))
  const of = (name: string): Float32Array => named.get(name) ?? new Float32Array(0)
  let model: WholeModel
  let outputs: Record<string, Float32Array>
  beforeAll(async () => {
    model = await wholeModel(shape, smallCatalogue(itemCount), count)
    outputs = await model.run(parameters, asked)
  })
  afterAll(() => model.release())

  /** s_target of a task of a request, from the tokens of step 2. */
  const target = (request: number, task: number): number[] => {
    const token = (index: number) => rowOf(outputs.tokens, request * (tasks + fakeItems) + index, hiddenSize)
    const sums = Array.from(of('target.outer.bias'))
    for (let fake = 0; fake < fakeItems; fake++) {
      const pair = [...token(task), ...token(tasks + fake)]
      const inner = Array.from({ length: hiddenSize }, (_, unit) =>
        quickGelu(
          pair.reduce(
            (sum, value, index) =>
              sum + value * of('target.inner.weight')[(fake * 2 * hiddenSize + index) * hiddenSize + unit],
            of('target.inner.bias')[fake * hiddenSize + unit],
          ),
        ),
      )
      for (let column = 0; column < fakeItems; column++)
        for (const [unit, value] of inner.entries())
          sums[column] += value * of('target.outer.weight')[(fake * hiddenSize + unit) * fakeItems + column]
    }
    return sums
  }

  const cosines = (item: Float32Array): number[] =>
    Array.from({ length: fakeItems }, (_, fake) => {
      const centre = rowOf(of('fake.centres'), fake, hiddenSize)
      return dot(item, centre) / Math.sqrt(dot(item, item) * dot(centre, centre))
    })

  test('is the inner product of e_task and e_item and that of s_target and the cosines with the centres', () => {
    for (let request = 0; request < 2; request++)
      for (let task = 0; task < tasks; task++)
        for (let candidate = 0; candidate < count; candidate++) {
          const item = rowOf(outputs.offered, request * count + candidate, hiddenSize)
          const head = rowOf(outputs.tasks, request * tasks + task, hiddenSize)
          const semantic = dot(head, item)
          const targeted = dot(target(request, task), cosines(item))
          const score = outputs.taskScores[(request * tasks + task) * count + candidate]
          expect(Math.abs(targeted)).toBeGreaterThan(1e-4)
          // Relative to what is summed: these are 32-bit numbers.
          const size = Math.abs(semantic) + Math.abs(targeted) + dot(head.map(Math.abs), item.map(Math.abs))
          expect(Math.abs(score - semantic - targeted) / Math.max(1, size)).toBeLessThan(1e-6)
        }
  })

  test('is the mean of the value tokens for the value head', () => {
    const scores = (request: number, task: number) => rowOf(outputs.taskScores, request * tasks + task, count)
    for (let request = 0; request < 2; request++) {
      const [first, second] = [scores(request, interestTokens), scores(request, interestTokens + 1)]
      const mean = first.map((value, candidate) => (value + second[candidate]) / 2)
      expect(apart(rowOf(outputs.valueScores, request, count), mean)).toBeLessThan(1e-5)
    }
  })

  test('does not see how long a centre is, on the side of items', async () => {
    const { offset, size } = oneRankerLayout(shape).parameters.find(({ name }) => name === 'fake.centres') ?? {
      offset: 0,
      size: 0,
    }
    const longer = parameters.map((value, index) => (index >= offset && index < offset + size ? 2 * value : value))
    const { vectors } = await model.run(longer, asked)
    expect(apart(vectors, outputs.vectors)).toBeLessThan(1e-6)
  })
})

test('without fake items is the semantic channel alone', async () => {
  const plain = smallOneRanker(itemCount, { fakeItems: 0 })
  const model = await wholeModel(plain, smallCatalogue(itemCount), count)
  const { users, tasks: heads, vectors, offered } = await model.run(roughOneRanker(plain), asked)
  await model.release()
  expect(users).toEqual(heads)
  expect(vectors).toEqual(offered)
})
