// The lists of an EGA-V2 model: those of a search, and those beside them that its settings ask for.

import type { Allocator } from '../../auction/auction.ts'
import type { RewardScorer } from '../../auction/reward-model/scorer.ts'
import type { AuctionDefaults, EgaModel } from '../../ranker/ega/ega-artifact.ts'
import { AlternativeLists } from './alternative-lists.ts'
import type { StepTimes } from './auction-decoder.ts'
import { IncompleteModelError } from './ega-decoder.ts'
import type { Worth } from './judged-lists.ts'
import type { Rates } from './lists-under-bids.ts'
import { listsWithoutBidders } from './lists-without-bidders.ts'
import { swappedLists } from './swapped-lists.ts'

export interface AlternativesParts extends Worth {
  readonly search: Allocator
  /** Needed for swaps. */
  readonly scorer?: Pick<RewardScorer, 'score'> | undefined
  readonly rates?: Rates | undefined
  /** What swaps take is added to them. */
  readonly times?: StepTimes | undefined
}

/** @throws IncompleteModelError where swaps lack expected bids or a reward model */
export function withAlternatives(
  { digest, expectedBids, creativeOffsets }: Pick<EgaModel, 'digest' | 'expectedBids' | 'creativeOffsets'>,
  { alternatives, bidder }: Pick<AuctionDefaults, 'alternatives' | 'bidder'>,
  { search, scorer, times = {}, ...parts }: AlternativesParts,
): Allocator {
  if (alternatives === undefined) return search
  const worth = { objective: parts.objective, bidUnit: parts.bidUnit }
  const joined = { search, bidder, ...parts }
  if (alternatives !== 'Swaps')
    return new AlternativeLists({ ...joined, alternatives: listsWithoutBidders(search, alternatives, bidder) })
  if (expectedBids === undefined) throw new IncompleteModelError(digest, 'expected bids')
  if (scorer === undefined) throw new IncompleteModelError(digest, 'reward model')
  const swaps = swappedLists({
    ...{ ...worth, bidder, expectedBids, creativeOffsets },
    score: (lists) => scorer.score(lists),
  })
  return new AlternativeLists({
    ...joined,
    alternatives: async (views) => {
      const started = performance.now()
      const found = await swaps(views)
      times.lists = (times.lists ?? 0) + performance.now() - started
      return found
    },
  })
}
