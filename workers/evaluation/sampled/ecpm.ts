// What a candidate is worth to the platform: its bid times the chance of a click, as a judge that had no part in the
// ranking has it of a list with nothing but the candidate.

import type { AuctionRequest } from '../../auction/auction.ts'
import { unconstrained } from '../../auction/auction.ts'
import type { JudgeLists, RankedList } from '../market/judge.ts'
import type { SampledList } from './lists.ts'

/** Lists that a judge sees at once. */
const batchSize = 64

/**
 * By list and candidate, in the unit of money, per impression.
 * @param organicValue of a click on an organic item, in the unit of money
 * @param onBatch after every batch with the lists done; what it throws ends the grading
 */
export async function ecpmOf(
  lists: readonly SampledList[],
  judge: JudgeLists,
  organicValue: number,
  onBatch?: (done: number) => Promise<void>,
): Promise<Float64Array[]> {
  const ecpm: Float64Array[] = []
  for (let start = 0; start < lists.length; start += batchSize) {
    const batch = lists.slice(start, start + batchSize)
    const chances = await judge(batch.flatMap(candidatesAlone))
    let next = 0
    for (const { candidates, bids } of batch)
      ecpm.push(
        Float64Array.from(candidates, (_, place) => {
          const bid = bids?.[place] ?? Number.NaN
          return (Number.isNaN(bid) ? organicValue : bid) * chances[next++].click[0]
        }),
      )
    await onBatch?.(start + batch.length)
  }
  return ecpm
}

/** A list of one for each candidate. */
function candidatesAlone({ user, history, candidates, bids }: SampledList): RankedList[] {
  const none = { ads: new Uint32Array(), bids: new Float64Array(), advertisers: new Uint32Array() }
  const request: AuctionRequest = {
    ...none,
    history,
    organic: new Uint32Array(),
    slots: 1,
    constraints: unconstrained,
  }
  return Array.from(candidates, (item, place) => ({
    request,
    user,
    items: Uint32Array.of(item),
    ads: Int32Array.of(Number.isNaN(bids?.[place] ?? Number.NaN) ? -1 : 0),
    creatives: Int32Array.of(-1),
  }))
}
