// What a run of the decoding graph found, as allocations.

import type { Allocation } from '../../auction/auction.ts'
import type { TensorData } from '../../tensor/graph.ts'
import { possibleList } from './list-search.ts'
import type { SearchedLists } from './lists-under-bids.ts'

export interface RunSizes {
  /** Candidates of the request of each search. */
  readonly searches: readonly number[]
  /** Search of each row. */
  readonly of: ArrayLike<number>
  readonly slots: number
  readonly bidUnit: number
}

type Outputs = Readonly<Record<string, TensorData>>

const floats = (outputs: Outputs, name: string, from: number, length: number): Float32Array =>
  outputs[name] === undefined
    ? new Float32Array(length)
    : (outputs[name].data as Float32Array).slice(from, from + length)

/** Lists of one search; what they are worth depends on the row. */
function listsOf(outputs: Outputs, search: number, { searches, slots }: RunSizes): SearchedLists {
  const [, beams] = outputs.score.shape
  const scores = (outputs.score.data as Float32Array).subarray(search * beams, (search + 1) * beams)
  // Beams that are no lists come last: their score is below that of any list.
  const end = scores.findIndex((score) => score <= possibleList)
  const count = end < 0 ? beams : end
  const from = search * beams * slots
  const length = count * slots
  const candidate = (outputs.candidate.data as Int32Array).slice(from, from + length)
  for (let entry = 0; entry < length; entry++) if (candidate[entry] >= searches[search]) candidate[entry] = -1
  const creative =
    outputs.creative === undefined
      ? new Int32Array(length).fill(-1)
      : (outputs.creative.data as Int32Array).slice(from, from + length)
  for (let entry = 0; entry < length; entry++) if (candidate[entry] < 0) creative[entry] = -1
  return {
    count,
    slots,
    candidate,
    creative,
    logZ: floats(outputs, 'logZ', from, length),
    pCtr: floats(outputs, 'pCtr', from, length),
    pCtrCreative: floats(outputs, 'pCtrCreative', from, length),
    pCvr: floats(outputs, 'pCvr', from, length),
  }
}

/** By row; rewards come in the unit of money. Rows of one search share the arrays of its lists. */
export function allocationsOf(outputs: Outputs, sizes: RunSizes): Allocation[] {
  const { searches, of, slots, bidUnit } = sizes
  const found = searches.map((_, search) => listsOf(outputs, search, sizes))
  const [, beams] = outputs.reward.shape
  return Array.from(of, (search, row) => {
    const lists = found[search]
    const rewards = (outputs.reward.data as Float32Array).subarray(row * beams, row * beams + lists.count)
    const allocation = {
      lists: { ...lists, reward: Float32Array.from(rewards, (reward) => reward * bidUnit) },
      chosen: Number(outputs.chosen.data[row]),
    }
    if (outputs.paymentRate === undefined) return allocation
    return { ...allocation, paymentRate: floats(outputs, 'paymentRate', row * slots, slots) }
  })
}
