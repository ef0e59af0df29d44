// What a run of the decoding graph found, as allocations.

import type { Allocation, CandidateLists } from '../../auction/auction.ts'
import type { TensorData } from '../../tensor/graph.ts'
import { noReward } from './reward-judge.ts'

export interface RunSizes {
  /** Candidates of the request of each row. */
  readonly rows: readonly number[]
  readonly slots: number
  readonly bidUnit: number
}

type Outputs = Readonly<Record<string, TensorData>>

const floats = (outputs: Outputs, name: string, from: number, length: number): Float32Array =>
  outputs[name] === undefined
    ? new Float32Array(length)
    : (outputs[name].data as Float32Array).slice(from, from + length)

/** Rewards come in the unit of money. */
export function allocationsOf(outputs: Outputs, { rows, slots, bidUnit }: RunSizes): Allocation[] {
  const [, beams] = outputs.reward.shape
  return rows.map((candidates, row) => {
    const rewards = (outputs.reward.data as Float32Array).subarray(row * beams, (row + 1) * beams)
    // Beams that are no lists come last: their score is below that of any list.
    const end = rewards.findIndex((reward) => reward <= noReward / 2)
    const count = end < 0 ? beams : end
    const from = row * beams * slots
    const length = count * slots
    const candidate = (outputs.candidate.data as Int32Array).slice(from, from + length)
    for (let entry = 0; entry < length; entry++) if (candidate[entry] >= candidates) candidate[entry] = -1
    const creative =
      outputs.creative === undefined
        ? new Int32Array(length).fill(-1)
        : (outputs.creative.data as Int32Array).slice(from, from + length)
    for (let entry = 0; entry < length; entry++) if (candidate[entry] < 0) creative[entry] = -1
    const lists: CandidateLists = {
      count,
      slots,
      candidate,
      creative,
      logZ: floats(outputs, 'logZ', from, length),
      pCtr: floats(outputs, 'pCtr', from, length),
      pCtrCreative: floats(outputs, 'pCtrCreative', from, length),
      pCvr: floats(outputs, 'pCvr', from, length),
      reward: Float32Array.from(rewards.subarray(0, count), (reward) => reward * bidUnit),
    }
    const chosen = Number(outputs.chosen.data[row])
    if (outputs.paymentRate === undefined) return { lists, chosen }
    return { lists, chosen, paymentRate: floats(outputs, 'paymentRate', row * slots, slots) }
  })
}
