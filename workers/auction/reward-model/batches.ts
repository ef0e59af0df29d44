// Batches of exposed lists as the inputs of a step graph.

import { entriesBelow, slotOf } from '../../data/market/exposed-entries.ts'
import type { TensorData } from '../../tensor/graph.ts'
import { Random } from '../../tensor/random.ts'
import { float32, int32 } from '../../tensor/session.ts'
import { type ExposedRequests, historyOf, labelOf, type RewardData } from './data.ts'
import { type RewardShape, rewardsOf } from './shape.ts'

/** Requests of a step: a pure function of seed, epoch and index. The last batch of an epoch may be short. */
export const batchOf = (
  requests: Uint32Array,
  { seed, batchSize }: { seed: number; batchSize: number },
  epoch: number,
): ((index: number) => Uint32Array) => {
  const order = new Random(seed, 'reward', 'order', epoch).shuffle(requests.slice())
  return (index) => order.subarray(index * batchSize, (index + 1) * batchSize)
}

/** @param lists of the graph, as many as the requests or more */
export const batchTensors = (
  shape: RewardShape,
  { sequences }: RewardData,
  log: ExposedRequests,
  requests: Uint32Array,
  lists: number,
): Record<string, TensorData> => {
  const { historyLength, listLength, creativeCodebooks } = shape
  const { exposed } = log
  const rewards = rewardsOf(shape)
  const entries = lists * listLength
  const history = new Int32Array(lists * historyLength)
  const length = new Int32Array(lists)
  const items = new Int32Array(entries).fill(-1)
  const creatives = new Int32Array(entries).fill(-1)
  const isAd = new Float32Array(entries)
  const labels = new Float32Array(rewards.length * entries)
  const weights = new Float32Array(rewards.length * entries)
  for (const [row, request] of requests.entries()) {
    const recent = historyOf(sequences, log, request, historyLength)
    history.set(recent, row * historyLength)
    length[row] = recent.length
    const { start, end } = entriesBelow(exposed, request, listLength)
    for (let entry = start; entry < end; entry++) {
      const place = row * listLength + slotOf(exposed, request, entry)
      items[place] = exposed.item[entry]
      creatives[place] = exposed.creative[entry]
      isAd[place] = Number(exposed.ad[entry] >= 0)
      for (const [tower, reward] of rewards.entries()) {
        const label = labelOf(exposed, reward, entry)
        if (label === undefined) continue
        labels[tower * entries + place] = label
        weights[tower * entries + place] = 1 / requests.length
      }
    }
  }
  const perEntry = [rewards.length, lists, listLength]
  return {
    history: int32([lists, historyLength], history),
    length: int32([lists], length),
    items: int32([lists, listLength], items),
    ...(creativeCodebooks.length > 0 ? { creatives: int32([lists, listLength], creatives) } : {}),
    isAd: float32([lists, listLength], isAd),
    labels: float32(perEntry, labels),
    weights: float32(perEntry, weights),
  }
}
