/** What users did with the lists that were shown, drawn from the hidden truth. */
import { Random } from '../../../tensor/random.ts'
import type { MarketTruth } from '../truth.ts'
import type { RequestLog } from './request-log.ts'
import type { Visits } from './requests.ts'

export interface Feedback {
  readonly click: Uint8Array
  readonly creativeClick: Uint8Array
  readonly conversion: Uint8Array
  readonly conversionValue: Float32Array
  /** What the ads would have cost at their bids, by expectation. */
  readonly expectedSpend: number
}

/** A click that goes to the creative is a click, and so is one that converts. */
export function drawFeedback(truth: MarketTruth, log: RequestLog, visits: Visits, seed: number): Feedback {
  const feedback = {
    click: new Uint8Array(log.item.length),
    creativeClick: new Uint8Array(log.item.length),
    conversion: new Uint8Array(log.item.length),
    conversionValue: new Float32Array(log.item.length),
  }
  let expectedSpend = 0
  for (let visit = 0; visit < visits.count; visit++) {
    const random = new Random(seed, 'feedback', visits.user[visit], visits.historyEnd[visit])
    const [from, to] = [log.offsets[visit], log.offsets[visit + 1]]
    const shown = { items: log.item.slice(from, to), creatives: log.creative.slice(from, to) }
    const likely = truth.clicks({ user: visits.user[visit], ...shown })
    for (let entry = from; entry < to; entry++) {
      const slot = entry - from
      expectedSpend += log.bid[entry] * likely.click[slot]
      const drawn = random.uniform()
      const converts = random.uniform() < likely.conversion[slot]
      if (drawn >= likely.click[slot]) continue
      feedback.click[entry] = 1
      feedback.creativeClick[entry] = drawn < likely.creativeClick[slot] ? 1 : 0
      feedback.conversion[entry] = converts ? 1 : 0
      feedback.conversionValue[entry] = converts ? likely.conversionValue[slot] : 0
    }
  }
  return { ...feedback, expectedSpend }
}
