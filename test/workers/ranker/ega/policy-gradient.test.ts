import { describe, expect, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import { searchTensors } from '../../../../workers/decoding/auction/bid-tensors.ts'
import { candidateTensors, prepareRequest } from '../../../../workers/decoding/auction/request-tensors.ts'
import { advantages } from '../../../../workers/ranker/ega/allocation-stage.ts'
import { catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { isOfItemHead } from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { policyGradientModel, policyInputs } from '../../../../workers/ranker/ega/policy-gradient.ts'
import { listInputs } from '../../../../workers/ranker/ega/pretraining-model.ts'
import { stageBetas, stageOptimizer } from '../../../../workers/ranker/stage-training.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { stepScalars } from '../../../../workers/tensor/schedules.ts'
import { float32, int32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { freshState, TrainingState } from '../../../../workers/tensor/training-state.ts'
import { evaluationStep, trainingStep } from '../../../../workers/tensor/training-step.ts'
import { checkModelGradients } from './model-gradients.ts'
import { roughParameters, smallCatalogue, smallShape } from './small-generator.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount)
const shape = smallShape(itemCount, { layers: 1, listLength: 3 })
const capacity = { slots: 3, columns: 8, entries: [6, 8, 8] }
const requests = [
  { history: Uint32Array.of(3, 9), ads: Uint32Array.of(1, 5), organic: Uint32Array.of(12, 13, 14) },
  { history: new Uint32Array(0), ads: Uint32Array.of(2, 8), organic: Uint32Array.of(16, 17) },
].map((each) => ({
  ...each,
  bids: Float64Array.of(2, 0.5),
  advertisers: Uint32Array.of(0, 1),
  slots: 3,
  constraints: unconstrained,
}))
/** Candidates at the slots of the chosen lists; the second list ends after two. */
const chosen = [0, 2, 1, 1, 2, 0]
const items = [1, 12, 5, 8, 16, 0]

const batchOf = (advantage: readonly number[]): Tensors => {
  const prepared = requests.map((request) => prepareRequest(request, catalogue.items))
  const bidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' } as const
  const rows = requests.map(({ bids }, request) => ({ request, bids }))
  const tensors = {
    ...candidateTensors(prepared, capacity),
    ...searchTensors(prepared, rows, capacity, { bidding, bidUnit: 1 }, catalogue.items),
  }
  const none = float32([2, 3], new Float32Array(6))
  return {
    ...catalogueTensors(shape, catalogue),
    ...historyTensors(
      shape,
      requests.map(({ history }) => ({ items: history })),
    ),
    ...Object.fromEntries(Object.entries(tensors).filter(([name]) => name.startsWith('level.'))),
    [listInputs.items]: int32([2, 3], items),
    [listInputs.creatives]: int32([2, 3], [2, 24, 10, 16, 32, -1]),
    [listInputs.weights]: none,
    [listInputs.creativeWeights]: none,
    [policyInputs.chosen]: int32([2, 3], chosen),
    [policyInputs.advantage]: float32([2, 3], advantage),
    [policyInputs.reward]: float32([1], [0.5]),
  }
}

const modelWith = (klWeight: number) =>
  policyGradientModel(shape, catalogue.items, catalogue.creatives?.count ?? 0, {
    batch: 2,
    entries: capacity.entries,
    klWeight,
  })

const frozenOf = (parameters: Float32Array): Tensors => ({
  [policyInputs.frozen]: float32([parameters.length], parameters),
})

describe('the policy gradient', () => {
  const parameters = roughParameters(shape)

  test('has the gradient of its loss, divergence and all', async () => {
    const random = new Random('elsewhere')
    const elsewhere = parameters.map((value) => value + 0.2 * random.normal())
    const batch = { ...batchOf([1, -0.5, 0.3, 0.7, 0.2, 0]), ...frozenOf(elsewhere) }
    const still = await checkModelGradients(modelWith(0.5), parameters, batch)
    // Creatives are given with the list: what predicts them takes no part.
    expect(still.length).toBeGreaterThan(0)
    expect(still.every((name) => /^(mtp|creative|begin\.creatives)/.test(name))).toBe(true)
  })

  test('raises log z of an entry that adds something, lowers that of one that harms, and leaves the backbone alone', async () => {
    const trained = { optimizer: stageOptimizer(0, 0), trained: isOfItemHead }
    const session = await Session.create(trainingStep(modelWith(0), trained), { threads: 1 })
    const judge = await Session.create(evaluationStep(modelWith(0)), { threads: 1 })
    /** log z of the entry that alone has an advantage of 1. */
    const logZ = async (of: Float32Array, entry: number) => {
      const one = Array.from({ length: 6 }, (_, index) => Number(index === entry))
      const { loss } = await judge.run({ ...batchOf(one), parameters: float32([of.length], of) })
      return -2 * Number(loss.data[0])
    }
    for (const [entry, sign] of [
      [0, 1],
      [3, 1],
      [1, -1],
    ]) {
      const state = new TrainingState(freshState(parameters.slice()))
      const advantage = Array.from({ length: 6 }, (_, index) => (index === entry ? sign : 0))
      const scalars = stepScalars({ kind: 'constant', peak: 1e-3 }, stageBetas, 1)
      await state.advance(session, batchOf(advantage), scalars)
      const before = await logZ(parameters, entry)
      expect(Math.sign((await logZ(state.parameters, entry)) - before)).toBe(sign)
      const moved = unpack(state.parameters, modelWith(0).layout)
      for (const [name, values] of unpack(parameters, modelWith(0).layout))
        if (!isOfItemHead(name)) expect(moved.get(name), name).toEqual(values)
    }
    await session.release()
    await judge.release()
  })

  test('has no divergence from itself, and some from another', async () => {
    const judge = await Session.create(evaluationStep(modelWith(1)), { threads: 1 })
    const apart = async (frozen: Float32Array) => {
      const batch = { ...batchOf(new Array(6).fill(0)), ...frozenOf(frozen) }
      const { divergence, loss } = await judge.run({ ...batch, parameters: float32([parameters.length], parameters) })
      expect(Number(loss.data[0])).toBeCloseTo(Number(divergence.data[0]), 6)
      return Number(divergence.data[0])
    }
    expect(await apart(parameters)).toBeCloseTo(0, 6)
    expect(await apart(parameters.map((value) => value * 1.2))).toBeGreaterThan(1e-3)
    await judge.release()
  })
})

describe('advantages', () => {
  const contributions = [Float64Array.of(4, 2, 0), Float64Array.of(6, 0, 0)]
  const size = { listLength: 4, bidUnit: 2 }
  const present = (row: number, slot: number) => (row === 0 ? slot < 2 : slot < 1)

  test('are contributions in units of the mean bid, 0 where there is no entry', () => {
    expect(Array.from(advantages(contributions, 'None', size, present))).toEqual([2, 1, 0, 0, 3, 0, 0, 0])
  })

  test('are less their mean over the entries of the step where that is the baseline', () => {
    expect(Array.from(advantages(contributions, 'Mean', size, present))).toEqual([0, -1, 0, 0, 1, 0, 0, 0])
  })
})
