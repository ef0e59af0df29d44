// The reward model inside the decoding graph: judges all lists of a request and picks one (Eq. 20, 24).

import { rewardScores } from '../../auction/reward-model/scores.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import { rewardUser, userRows } from '../../auction/reward-model/user.ts'
import { rewardCreativeVectors, rewardItemVectors } from '../../auction/reward-model/vectors.ts'
import type { GeneratorCatalogue } from '../../ranker/ega/generator-catalogue.ts'
import { constantTable, type TokenTable } from '../../ranker/ega/token-vectors.ts'
import type { Graph, Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { ListJudge, ListsToJudge } from './auction-graph.ts'
import { ofBeams } from './beam-state.ts'
import { possibleList } from './list-search.ts'

/** What a list is worth beside the sum of bids times pCTR of its ads, in units of the mean bid. */
export interface ListObjective {
  /** Of a conversion. */
  readonly conversion: number
  /** Of a click on an organic item. */
  readonly organic: number
}

export interface RewardParts {
  readonly shape: RewardShape
  readonly catalogue: GeneratorCatalogue
  readonly parameters: (graph: Graph) => Parameters
}

/** Inputs of the graph that hold the objective, [1] each: it may change from run to run. */
export const objectiveInputs = { conversion: 'objective.conversion', organic: 'objective.organic' } as const

/** Reward of what is no list. */
export const noReward = -1e30

const coded = ({ codes, features }: TokenTable, index: Value) => {
  const flat = op.reshape(index, [-1])
  return { codes: codes.map((code) => op.gather(code, flat)), features: op.gather(features, flat) }
}

/** `value` [B, lists, slots, ...] with zeros up to `length` slots. */
const padded = (value: Value, length: number): Value => {
  const slots = Number(value.shape[2])
  return slots === length ? value : op.pad(value, 2, 0, length - slots)
}

const itemsOfLists = (parameters: Parameters, shape: RewardShape, table: TokenTable, lists: ListsToJudge): Value => {
  const [, beams, slots] = lists.candidate.shape.map(Number)
  const [, columns] = lists.candidateItem.shape
  const vectors = rewardItemVectors(parameters, shape, coded(table, lists.candidateItem))
  const byRow = op.gather(op.reshape(vectors, ['H', columns, shape.hiddenSize]), lists.of)
  const chosen = ofBeams(byRow, op.reshape(lists.candidate, ['B', beams * slots]))
  return padded(op.reshape(chosen, ['B', beams, slots, shape.hiddenSize]), shape.listLength)
}

const creativesOfLists = (parameters: Parameters, shape: RewardShape, table: TokenTable, creative: Value): Value => {
  const known = op.cast(op.greaterOrEqual(creative, 0), 'float32')
  const vectors = rewardCreativeVectors(parameters, shape, coded(table, op.maximum(creative, 0)))
  const kept = op.mul(
    op.reshape(vectors, [...creative.shape, shape.hiddenSize]),
    op.reshape(known, [...creative.shape, 1]),
  )
  return padded(kept, shape.listLength)
}

/** What each list is worth to each row, [R, lists]: bids and values count per click, all entries by their probability. */
const worthOf = (
  { graph, bid, isAd, present, score, search }: ListsToJudge,
  { ctr, cvr }: { readonly ctr: Value; readonly cvr: Value | undefined },
): Value => {
  const conversion = graph.input(objectiveInputs.conversion, 'float32', [1])
  const organic = graph.input(objectiveInputs.organic, 'float32', [1])
  const ofRows = (value: Value): Value => op.gather(value, search)
  const clicks = op.mul(ctr, present)
  // A model that tells no conversions has none to count.
  const unpaid = op.add(op.mul(op.sub(1, isAd), organic), op.mul(cvr ?? op.mul(ctr, 0), conversion))
  const ofOthers = op.reduceSum(op.mul(unpaid, clicks), [2])
  const ofBids = op.reduceSum(op.mul(bid, ofRows(clicks)), [2])
  return op.where(ofRows(op.greater(score, possibleList)), op.add(ofRows(ofOthers), ofBids), noReward)
}

/**
 * Outputs: pCtr, pCtrCreative, pCvr [B, lists, slots] as far as the model tells them; reward [R, lists]; chosen int32 [R].
 */
export const rewardJudge =
  ({ shape, catalogue, parameters: weights }: RewardParts): ListJudge =>
  (lists) => {
    const { graph, candidate } = lists
    const parameters = weights(graph)
    const { items, creatives: shown } = catalogue
    const tables = {
      items: constantTable(graph, 'item', { count: items.itemCount, ...items }),
      creatives: shown && constantTable(graph, 'creative', shown),
    }
    const [, beams, slots] = candidate.shape.map(Number)
    const read = rewardItemVectors(parameters, shape, coded(tables.items, lists.history))
    const history = op.reshape(read, ['H', shape.historyLength, shape.hiddenSize])
    const user = userRows(rewardUser(parameters, shape, { history, length: lists.length }), lists.of)
    const flat = (value: Value) => op.reshape(value, [-1, ...value.shape.slice(2)])
    const creatives =
      lists.creative === undefined || tables.creatives === undefined || shape.creativeCodebooks.length === 0
        ? {}
        : { creatives: flat(creativesOfLists(parameters, shape, tables.creatives, lists.creative)) }
    const logits = rewardScores(parameters, shape, user, {
      items: flat(itemsOfLists(parameters, shape, tables.items, lists)),
      ...creatives,
      isAd: flat(padded(lists.isAd, shape.listLength)),
      present: flat(padded(lists.present, shape.listLength)),
    })
    const probability = (value: Value | undefined) =>
      value === undefined
        ? undefined
        : op.slice(op.reshape(op.sigmoid(value), ['B', beams, shape.listLength]), 2, 0, slots)
    const ctr = op.slice(op.reshape(op.sigmoid(logits.ctr), ['B', beams, shape.listLength]), 2, 0, slots)
    const ctrCreative = probability(logits.ctrCreative)
    const cvr = probability(logits.cvr)
    const reward = worthOf(lists, { ctr, cvr })
    return {
      pCtr: ctr,
      ...(ctrCreative === undefined ? {} : { pCtrCreative: ctrCreative }),
      ...(cvr === undefined ? {} : { pCvr: cvr }),
      reward,
      chosen: op.cast(op.argMax(reward, 1), 'int32'),
    }
  }
