import { describe, expect, test } from 'vitest'
import { rewardScores, stackedLogits } from '../../../../workers/auction/reward-model/scores.ts'
import { type RewardShape, rewardLayout, rewardsOf } from '../../../../workers/auction/reward-model/shape.ts'
import { rewardUser, userRows } from '../../../../workers/auction/reward-model/user.ts'
import { gradients } from '../../../../workers/tensor/autodiff.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { initialParameters, pack, parametersOf, unpack } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, int32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { runModel } from '../../tensor/support/run-graph.ts'
import { referenceScores } from './reference-scores.ts'
import { shapeOf } from './synthetic-log.ts'

const shape = shapeOf({ hiddenSize: 8, towers: [6, 4], historyLength: 3, listLength: 3 })

/** Parameters away from their usual start, so that every one of them matters. */
const roughParameters = (of: RewardShape): Float32Array => {
  const random = new Random('rough')
  return initialParameters(rewardLayout(of), 1).map((value) => value + 0.3 * random.normal())
}

const normals = (label: string, dimensions: readonly number[]) => {
  const random = new Random('normals', label)
  const size = dimensions.reduce((product, each) => product * each, 1)
  return float32(
    dimensions,
    Float32Array.from({ length: size }, () => random.normal()),
  )
}

interface Case {
  readonly history: Float32Array
  readonly length: readonly number[]
  readonly items: Float32Array
  readonly creatives: Float32Array
  readonly isAd: readonly number[]
  readonly present: readonly number[]
}

/** `lists` lists of `users` users, equally many each. */
const caseOf = (of: RewardShape, users: number, lists: number): Case => ({
  history: normals('history', [users, of.historyLength, of.hiddenSize]).data as Float32Array,
  length: Array.from({ length: users }, (_, user) => (user + 2) % (of.historyLength + 1)),
  items: normals('items', [lists, of.listLength, of.hiddenSize]).data as Float32Array,
  creatives: normals('creatives', [lists, of.listLength, of.hiddenSize]).data as Float32Array,
  isAd: Array.from({ length: lists * of.listLength }, (_, entry) => entry % 2),
  present: Array.from({ length: lists * of.listLength }, () => 1),
})

const tensorsOf = (of: RewardShape, { history, length, items, creatives, isAd, present }: Case): Tensors => {
  const users = length.length
  const lists = isAd.length / of.listLength
  const vectors = [lists, of.listLength, of.hiddenSize]
  return {
    history: float32([users, of.historyLength, of.hiddenSize], history),
    length: int32([users], length),
    items: float32(vectors, items),
    creatives: float32(vectors, creatives),
    isAd: float32([lists, of.listLength], isAd),
    present: float32([lists, of.listLength], present),
  }
}

/** @param lists as a symbol or a number; rows of users are gathered for each list where `gathered` */
const graphOf = (
  of: RewardShape,
  { users, lists }: { users: number | string; lists: number | string },
  gathered = false,
) => {
  const graph = new Graph()
  const layout = rewardLayout(of)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const vectors = [lists, of.listLength, of.hiddenSize]
  const history = graph.input('history', 'float32', [users, of.historyLength, of.hiddenSize])
  const whole = rewardUser(parameters, of, { history, length: graph.input('length', 'int32', [users]) })
  const user = gathered ? userRows(whole, graph.input('of', 'int32', [lists])) : whole
  const values = {
    items: graph.input('items', 'float32', vectors),
    creatives: graph.input('creatives', 'float32', vectors),
    isAd: graph.input('isAd', 'float32', [lists, of.listLength]),
    present: graph.input('present', 'float32', [lists, of.listLength]),
  }
  return { graph, parameters, user, values }
}

const scored = async (of: RewardShape, input: Case, parameters = roughParameters(of)) => {
  const lists = input.isAd.length / of.listLength
  const { graph, parameters: named, user, values } = graphOf(of, { users: input.length.length, lists })
  for (const [name, value] of Object.entries(rewardScores(named, of, user, values))) graph.output(name, value)
  const inputs = { parameters: float32([parameters.length], parameters), ...tensorsOf(of, input) }
  const outputs = await runModel(writeModel(graph), inputs)
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
}

const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5) => {
  expect(actual.length).toBe(expected.length)
  for (let index = 0; index < expected.length; index++)
    expect(Math.abs(actual[index] - expected[index]), `at ${index}`).toBeLessThan(tolerance)
}

const differ = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = 0
  for (let index = 0; index < a.length; index++) most = Math.max(most, Math.abs(a[index] - b[index]))
  return most
}

/** Two slots of the first list exchanged in everything that is told of them. */
const swapped = (of: RewardShape, input: Case): Case => {
  const rows = (values: Float32Array): Float32Array => {
    const copy = values.slice()
    copy.set(values.subarray(of.hiddenSize, 2 * of.hiddenSize), 0)
    copy.set(values.subarray(0, of.hiddenSize), of.hiddenSize)
    return copy
  }
  const [first, second, ...others] = input.isAd
  return { ...input, items: rows(input.items), creatives: rows(input.creatives), isAd: [second, first, ...others] }
}

describe('scores of a list', () => {
  test('there is one logit for each slot and reward, finite for a user without history', async () => {
    const { ctr, ctrCreative, cvr } = await scored(shape, { ...caseOf(shape, 1, 2), length: [0] })
    for (const logits of [ctr, ctrCreative, cvr]) {
      expect(logits.length).toBe(6)
      expect(logits.every(Number.isFinite)).toBe(true)
    }
    const bare = shapeOf({ hiddenSize: 8, creativeCodebooks: [], conversions: false, historyLength: 3, listLength: 3 })
    expect(Object.keys(await scored(bare, caseOf(bare, 1, 1)))).toEqual(['ctr'])
  })

  test('they are those of plain double arithmetic', async () => {
    for (const of of [shape, { ...shape, positions: false }, { ...shape, context: 'Pointwise' as const }]) {
      const input = { ...caseOf(of, 1, 1), length: [2], present: [1, 1, 0] }
      const parameters = roughParameters(of)
      const found = await scored(of, input, parameters)
      const vectors = (flat: Float32Array, count: number) =>
        Array.from({ length: count }, (_, at) =>
          Array.from(flat.subarray(at * of.hiddenSize, (at + 1) * of.hiddenSize)),
        )
      const expected = referenceScores(of, parameters, {
        history: vectors(input.history, 2),
        items: vectors(input.items, 2),
        creatives: vectors(input.creatives, 2),
        isAd: input.isAd,
      })
      for (const [tower, reward] of rewardsOf(of).entries()) close(found[reward].subarray(0, 2), expected[tower])
    }
  })

  test('swapping two slots changes them where there are positions, and only moves them where there are none', async () => {
    for (const positions of [true, false]) {
      const of = { ...shape, positions }
      const input = caseOf(of, 1, 1)
      const { ctr } = await scored(of, input)
      const { ctr: moved } = await scored(of, swapped(of, input))
      const back = [moved[1], moved[0], moved[2]]
      if (positions) expect(differ(back, ctr)).toBeGreaterThan(1e-3)
      else close(back, ctr)
    }
  })

  test('an entry is judged by its list, but not by a pointwise model', async () => {
    for (const context of ['Permutation', 'Pointwise'] as const) {
      const of = { ...shape, context }
      const input = caseOf(of, 1, 1)
      const items = input.items.slice()
      items.fill(0.7, 0, of.hiddenSize)
      const before = await scored(of, input)
      const after = await scored(of, { ...input, items })
      expect(differ(before.ctr.subarray(0, 1), after.ctr.subarray(0, 1))).toBeGreaterThan(1e-3)
      const others = differ(before.ctr.subarray(1), after.ctr.subarray(1))
      if (context === 'Permutation') expect(others).toBeGreaterThan(1e-3)
      else expect(others).toBe(0)
    }
  })

  test('what the list adds starts at nothing: with the weights of a pointwise model it scores as that one', async () => {
    const pointwise = { ...shape, context: 'Pointwise' as const }
    const known = unpack(roughParameters(pointwise), rewardLayout(pointwise))
    const start = unpack(initialParameters(rewardLayout(shape), 1), rewardLayout(shape))
    const input = { ...caseOf(shape, 1, 2), present: [1, 1, 0, 1, 1, 1] }
    const expected = await scored(pointwise, input, pack(known, rewardLayout(pointwise)))
    const found = await scored(shape, input, pack(new Map([...start, ...known]), rewardLayout(shape)))
    for (const reward of rewardsOf(shape)) close(found[reward], expected[reward])
    const moved = new Map([...start, ...known, ['list.output.bias', new Float32Array(8).map((_, at) => at)]] as const)
    const others = await scored(shape, input, pack(moved, rewardLayout(shape)))
    expect(differ(others.ctr, expected.ctr)).toBeGreaterThan(1e-3)
  })

  test('what lies beyond the end of the list or of the history has no influence', async () => {
    const input = { ...caseOf(shape, 1, 1), length: [2], present: [1, 1, 0] }
    const history = input.history.slice()
    const items = input.items.slice()
    history.fill(5, 2 * shape.hiddenSize)
    items.fill(-5, 2 * shape.hiddenSize)
    const before = await scored(shape, input)
    const after = await scored(shape, { ...input, history, items, isAd: [...input.isAd.slice(0, 2), 1] })
    close(after.ctr.subarray(0, 2), before.ctr.subarray(0, 2), 1e-6)
    const longer = await scored(shape, { ...input, present: [1, 1, 1] })
    expect(differ(longer.ctr.subarray(0, 2), before.ctr.subarray(0, 2))).toBeGreaterThan(1e-3)
  })

  test('the same items in another order are another history, by how long ago they were taken', async () => {
    const input = { ...caseOf(shape, 1, 1), length: [3] }
    const history = input.history.slice()
    history.copyWithin(0, 2 * shape.hiddenSize)
    history.set(input.history.subarray(0, shape.hiddenSize), 2 * shape.hiddenSize)
    const { ctr } = await scored(shape, input)
    expect(differ(ctr, (await scored(shape, { ...input, history })).ctr)).toBeGreaterThan(1e-4)
    // With the oldest of three past the end of what is read, what is left has the ages that it had.
    const two = { ...input, history: input.history.slice(), length: [2] }
    two.history.copyWithin(0, shape.hiddenSize)
    const short = await scored(shape, two)
    two.history.fill(9, 2 * shape.hiddenSize)
    close((await scored(shape, two)).ctr, short.ctr, 1e-6)
  })

  test('lists beside each other of one user score as lists with the user in each row, for any number of users', async () => {
    const input = caseOf(shape, 2, 6)
    const parameters = roughParameters(shape)
    const inputs = { parameters: float32([parameters.length], parameters), ...tensorsOf(shape, input) }
    const results: ArrayLike<number>[] = []
    for (const gathered of [false, true]) {
      const sizes = gathered ? { users: 'U', lists: 'N' } : { users: 'B', lists: '3*B' }
      const { graph, parameters: named, user, values } = graphOf(shape, sizes, gathered)
      for (const [name, value] of Object.entries(rewardScores(named, shape, user, values))) graph.output(name, value)
      const rows = gathered ? { of: int32([6], [0, 0, 0, 1, 1, 1]) } : {}
      results.push((await runModel(writeModel(graph), { ...inputs, ...rows })).cvr.data as Float32Array)
    }
    close(results[1], results[0])
    expect(differ(Array.from(results[0]).slice(0, 3), Array.from(results[0]).slice(9, 12))).toBeGreaterThan(1e-3)
  })

  test('calibration scales and moves the logits of its tower', async () => {
    const layout = rewardLayout(shape)
    const input = caseOf(shape, 1, 1)
    const plain = roughParameters(shape)
    const changed = plain.slice()
    for (const { name, offset } of layout.parameters) {
      if (name === 'calibration.slope') {
        plain.fill(1, offset, offset + 3)
        changed.set([1, 2, 1], offset)
      }
      if (name === 'calibration.intercept') {
        plain.fill(0, offset, offset + 3)
        changed.set([0, -1, 0], offset)
      }
    }
    const before = await scored(shape, input, plain)
    const after = await scored(shape, input, changed)
    close(after.ctr, before.ctr)
    close(
      after.ctrCreative,
      before.ctrCreative.map((logit) => 2 * logit - 1),
    )
  })
})

test('gradients of every parameter are those of finite differences', async () => {
  for (const context of ['Permutation', 'Pointwise'] as const) {
    const of = { ...shape, context }
    const layout = rewardLayout(of)
    const input = { ...caseOf(of, 2, 4), present: [1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1] }
    const { graph, parameters, user, values } = graphOf(of, { users: 2, lists: 4 })
    const logits = stackedLogits(parameters, of, user, values)
    const weights = normals('weights', logits.shape.map(Number))
    const loss = op.reduceSum(op.mul(logits, graph.constant('float32', weights.shape, weights.data)))
    graph.output('loss', loss)
    const named = layout.parameters.filter(({ name }) => !/\.(code|feature|norm)\./.test(`.${name}`))
    const found = gradients(
      loss,
      named.map(({ name }): Value => parameters(name)),
    )
    for (const [index, { name }] of named.entries()) graph.output(`gradient of ${name}`, found[index])
    const session = await Session.create(writeModel(graph), { threads: 1 })
    const flat = roughParameters(of)
    const run = (at: Float32Array) => session.run({ parameters: float32([at.length], at), ...tensorsOf(of, input) })
    const analytic = await run(flat)
    const random = new Random('directions')
    for (const { name, offset, size } of named) {
      const direction = Float64Array.from({ length: size }, () => random.normal() / Math.sqrt(size))
      const moved = (step: number) =>
        flat.map((value, at) => (at >= offset && at < offset + size ? value + step * direction[at - offset] : value))
      const step = 1e-3
      const above = Number((await run(moved(step))).loss.data[0])
      const below = Number((await run(moved(-step))).loss.data[0])
      const slope = analytic[`gradient of ${name}`].data as Float32Array
      const expected = direction.reduce((sum, part, at) => sum + part * slope[at], 0)
      expect(Math.abs((above - below) / (2 * step) - expected), name).toBeLessThan(0.02 + 0.03 * Math.abs(expected))
    }
    await session.release()
  }
})
