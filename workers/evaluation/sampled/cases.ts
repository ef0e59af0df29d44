// What is to be found, and what was known when it was taken.

import type { Dataset } from '../../data/dataset-reader.ts'
import { creativesOfEvents, historyCreatives } from '../../data/market/event-creatives.ts'
import { type Market, noUser, requestParts } from '../../data/market/market.ts'
import { evaluationCases, timedHistory, timeOf } from '../../data/sequences.ts'
import type { HistoryFacts } from '../history-facts.ts'

export interface SampledCase extends HistoryFacts {
  /** Index in the Dataset, or `noUser`. */
  readonly user: number
  /** What is drawn together by the bootstrap: the user, or the request of one that is not known. */
  readonly cluster: number
  readonly history: Uint32Array
  readonly target: number
  /** Everything that was taken at once: no other of these stands against the target. */
  readonly taken: Uint32Array
  /** Index in `Market.requests`; absent where the target is of no request. */
  readonly request?: number
}

export type Split = 'validation' | 'test'

/** What users took next. */
export function nextItemCases(dataset: Dataset, market: Market | undefined, split: Split): SampledCase[] {
  const creatives = market && creativesOfEvents(dataset, market, 'Every')
  const cases = evaluationCases(dataset, split)
  return Array.from({ length: cases.count }, (_, index) => {
    const [user, position] = [cases.user[index], cases.position[index]]
    const target = cases.target[index]
    return {
      ...timedHistory(dataset, user, position),
      ...historyCreatives(creatives, dataset.offsets, user, position),
      ...timeOf(dataset.times?.[dataset.offsets[user] + position]),
      user,
      cluster: user,
      target,
      taken: Uint32Array.of(target),
    }
  })
}

/** What was clicked in logged lists, each click of a request by itself. */
export function clickCases(dataset: Dataset, market: Market, split: Split): SampledCase[] {
  const { requests } = market
  const exposed = requests?.exposed
  if (requests === undefined || exposed === undefined) return []
  const creatives = creativesOfEvents(dataset, market, 'Every')
  const cases: SampledCase[] = []
  for (let request = 0; request < requests.count; request++) {
    if (requests.part[request] !== requestParts[split]) continue
    const user = requests.user[request]
    const clicked = new Set<number>()
    for (let entry = exposed.offsets[request]; entry < exposed.offsets[request + 1]; entry++)
      if (exposed.click[entry] === 1) clicked.add(exposed.item[entry])
    const end = requests.historyEnd[request]
    const known = {
      ...timedHistory(dataset, user, end),
      ...historyCreatives(creatives, dataset.offsets, user, end),
    }
    for (const target of clicked)
      cases.push({
        ...known,
        ...timeOf(requests.time?.[request]),
        user,
        cluster: user === noUser ? dataset.userCount + request : user,
        target,
        taken: Uint32Array.from(clicked),
        request,
      })
  }
  return cases
}
