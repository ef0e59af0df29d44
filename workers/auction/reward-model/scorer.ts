// Scores of whole lists outside of training: for validation, and for evaluations as the held-out judge.

import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import * as op from '../../tensor/operators.ts'
import { parametersOf } from '../../tensor/parameters.ts'
import { openRunner, type Runner, sharedFloats } from '../../tensor/runner.ts'
import { float32, int32, Session, type Tensors } from '../../tensor/session.ts'
import { sigmoid } from './calibration.ts'
import type { CodedTable } from './data.ts'
import { RewardDataError } from './errors.ts'
import { listValues, lookUp, specsOf, tableTensors, tableVectors } from './graph-inputs.ts'
import { rewardScores } from './scores.ts'
import { type Reward, type RewardShape, rewardLayout } from './shape.ts'
import { rewardUser, userRows } from './user.ts'

/** One list as it would be shown to one user. Lists with one and the same history array read it once. */
export interface RewardList {
  /** Items that the user took, oldest first. */
  readonly history: Uint32Array
  /** At most K of them, slot after slot. */
  readonly items: Uint32Array
  /** By slot, -1 where an entry has none; absent: none has one. */
  readonly creatives?: Int32Array
  /** By slot, 1 for ads. */
  readonly isAd: Uint8Array
  /**
   * Where each item stands, from 0, rising: the arrays then are of entries of a list whose others are not known, and only
   * a model of context Pointwise scores them. Absent: the list is whole.
   */
  readonly slots?: Uint32Array
}

/** By item of a list. */
export interface ListRewards {
  readonly pCtr: Float32Array
  /** Absent where the model scores no creatives. */
  readonly pCtrCreative?: Float32Array
  /** Given the click; absent where the model tells no conversions. */
  readonly pCvr?: Float32Array
}

export interface RewardScorerOptions {
  readonly shape: RewardShape
  readonly items: CodedTable
  readonly creatives?: CodedTable
  readonly threads: number
  /** Slots of the longest list that is asked for, where it is shorter than the model's: work goes by it. */
  readonly slots?: number
  /** For callers whose event loop must not stand still. */
  readonly ownThread?: boolean
}

/** Lists of one run; bounds the memory of keys and values. */
const listsOfRun = 512

const vectorsGraph = (shape: RewardShape, tables: Tensors): Graph => {
  const graph = new Graph()
  const layout = rewardLayout(shape)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const inputs = Object.fromEntries(
    Object.entries(specsOf(tables)).map(([name, { type, shape }]) => [name, graph.input(name, type, shape)]),
  )
  graph.output('itemVectors', tableVectors('item', parameters, shape, inputs))
  if (shape.creativeCodebooks.length > 0)
    graph.output('creativeVectors', tableVectors('creative', parameters, shape, inputs))
  return graph
}

const scoresGraph = (shape: RewardShape, itemCount: number, creativeCount: number, slots: number): Graph => {
  const { hiddenSize, historyLength } = shape
  const graph = new Graph()
  const layout = rewardLayout(shape)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const itemVectors = graph.input('itemVectors', 'float32', [itemCount, hiddenSize])
  const history = graph.input('history', 'int32', ['U', historyLength])
  const length = graph.input('length', 'int32', ['U'])
  const of = graph.input('of', 'int32', ['N'])
  const items = graph.input('items', 'int32', ['N', slots])
  const isAd = graph.input('isAd', 'float32', ['N', slots])
  const user = userRows(rewardUser(parameters, shape, { history: op.gather(itemVectors, history), length }), of)
  const ofItems = op.gather(itemVectors, lookUp(items))
  let lists = listValues(shape, { items, isAd }, { items: ofItems })
  if (shape.creativeCodebooks.length > 0) {
    const creativeVectors = graph.input('creativeVectors', 'float32', [creativeCount, hiddenSize])
    const creatives = graph.input('creatives', 'int32', ['N', slots])
    const shown = { items: ofItems, creatives: op.gather(creativeVectors, lookUp(creatives)) }
    lists = listValues(shape, { items, creatives, isAd }, shown)
  }
  for (const [name, logits] of Object.entries(rewardScores(parameters, shape, user, lists))) graph.output(name, logits)
  return graph
}

const checkFits = ({ items, slots: places }: RewardList, { context }: RewardShape, slots: number): void => {
  if (places !== undefined && context !== 'Pointwise')
    throw new Error('A model of whole lists is given entries of some')
  const used = places === undefined ? items.length : (places.at(-1) ?? -1) + 1
  if (used > slots) throw new Error(`A list of ${used} items, where there are ${slots} slots`)
}

const listTensors = (shape: RewardShape, lists: readonly RewardList[], slots: number): Tensors => {
  const { historyLength } = shape
  const users = new Map<Uint32Array, number>()
  for (const { history } of lists) if (!users.has(history)) users.set(history, users.size)
  const history = new Int32Array(users.size * historyLength)
  const length = new Int32Array(users.size)
  for (const [items, user] of users) {
    const recent = items.subarray(Math.max(0, items.length - historyLength))
    history.set(recent, user * historyLength)
    length[user] = recent.length
  }
  const items = new Int32Array(lists.length * slots).fill(-1)
  const creatives = new Int32Array(lists.length * slots).fill(-1)
  const isAd = new Float32Array(lists.length * slots)
  for (const [row, list] of lists.entries()) {
    checkFits(list, shape, slots)
    for (let index = 0; index < list.items.length; index++) {
      const place = row * slots + (list.slots?.[index] ?? index)
      items[place] = list.items[index]
      creatives[place] = list.creatives?.[index] ?? -1
      isAd[place] = list.isAd[index]
    }
  }
  const shown = [lists.length, slots]
  return {
    history: int32([users.size, historyLength], history),
    length: int32([users.size], length),
    of: int32(
      [lists.length],
      lists.map((list) => users.get(list.history) ?? 0),
    ),
    items: int32(shown, items),
    isAd: float32(shown, isAd),
    ...(shape.creativeCodebooks.length > 0 ? { creatives: int32(shown, creatives) } : {}),
  }
}

/** Weights go along with every run. */
const shared = (weights: Tensors): Tensors =>
  Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [
      name,
      { ...tensor, data: sharedFloats(tensor.data as Float32Array) },
    ]),
  )

const ofItems = (logits: Float32Array | undefined, start: number, { items, slots }: RewardList) =>
  slots === undefined
    ? logits?.slice(start, start + items.length)
    : logits && Float32Array.from(slots, (slot) => logits[start + slot])

const probabilities = (logits: Float32Array): Float32Array => logits.map(sigmoid)

export class RewardScorer {
  readonly #shape: RewardShape
  /** Of the longest list. */
  readonly slots: number
  readonly #tables: Tensors
  readonly #vectors: Runner
  readonly #scores: Runner
  #weights: Tensors | undefined

  private constructor(shape: RewardShape, slots: number, tables: Tensors, vectors: Runner, scores: Runner) {
    this.#shape = shape
    this.slots = slots
    this.#tables = tables
    this.#vectors = vectors
    this.#scores = scores
  }

  static async create(options: RewardScorerOptions): Promise<RewardScorer> {
    const { shape, items, creatives, threads, slots, ownThread = false } = options
    const most = slots ?? shape.listLength
    const tables = {
      ...tableTensors('item', items),
      ...(creatives === undefined || shape.creativeCodebooks.length === 0 ? {} : tableTensors('creative', creatives)),
    }
    const vectors = await openRunner(writeModel(vectorsGraph(shape, tables)), { threads, ownThread })
    try {
      const graph = scoresGraph(shape, items.count, creatives?.count ?? 0, most)
      const scores = await openRunner(writeModel(graph), { threads, ownThread })
      return new RewardScorer(shape, most, tables, vectors, scores)
    } catch (error) {
      await vectors.release()
      throw error
    }
  }

  /**
   * Before the first list; again whenever the parameters change. They are copied only for a thread of its own.
   * @throws RewardDataError where they are those of another shape; those that are set stay
   */
  async setParameters(flat: Float32Array): Promise<void> {
    const { size } = rewardLayout(this.#shape)
    if (flat.length !== size)
      throw new RewardDataError(
        'WrongParameters',
        `The reward model has ${size} parameters by its shape, and was given ${flat.length}: weights and shape are not of one training. Give the weights of the TrainingRun whose reward model this is, or train its stage reward again`,
      )
    const parameters = { parameters: float32([flat.length], flat) }
    const weights = { ...parameters, ...(await this.#vectors.run({ ...parameters, ...this.#tables })) }
    this.#weights = this.#scores instanceof Session ? weights : shared(weights)
  }

  /** Calibrated logits by list and reward, as long as the list. @throws RewardDataError of entries that need a whole list */
  async logits(lists: readonly RewardList[]): Promise<Record<Reward, Float32Array | undefined>[]> {
    if (this.#weights === undefined) throw new Error('setParameters comes before the first list')
    const { slots } = this
    const results: Record<Reward, Float32Array | undefined>[] = []
    for (let from = 0; from < lists.length; from += listsOfRun) {
      const batch = lists.slice(from, from + listsOfRun)
      const outputs = await this.#scores.run({ ...this.#weights, ...listTensors(this.#shape, batch, slots) })
      for (const [row, list] of batch.entries()) {
        const start = row * slots
        const of = (reward: Reward) => ofItems(outputs[reward]?.data as Float32Array | undefined, start, list)
        results.push({ ctr: of('ctr'), ctrCreative: of('ctrCreative'), cvr: of('cvr') })
      }
    }
    return results
  }

  /** Probabilities by list, in their order. */
  async score(lists: readonly RewardList[]): Promise<ListRewards[]> {
    return (await this.logits(lists)).map(({ ctr, ctrCreative, cvr }) => ({
      pCtr: probabilities(ctr ?? new Float32Array()),
      ...(ctrCreative === undefined ? {} : { pCtrCreative: probabilities(ctrCreative) }),
      ...(cvr === undefined ? {} : { pCvr: probabilities(cvr) }),
    }))
  }

  async release(): Promise<void> {
    await this.#vectors.release()
    await this.#scores.release()
  }
}
