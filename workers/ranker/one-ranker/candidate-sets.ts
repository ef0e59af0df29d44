// Candidates that the ranking decoder learns to order: what a request showed, and of what it could have shown a part that
// is drawn anew for every epoch.

import type { Market } from '../../data/market/market.ts'
import type { Random } from '../../tensor/random.ts'
import { adValues, bidValue, organicValue, type ValueTerms } from './item-values.ts'
import { entriesOf } from './target-samples.ts'

/** What a request could show: what it showed first, then its other ads, then its other organic items; no item twice. */
export interface CandidatePool {
  readonly count: number
  /** Entries that were shown: the first so many. */
  readonly shown: number
  readonly items: Uint32Array
  readonly isAd: Uint8Array
  /** Of a click, in units of the mean bid. */
  readonly value: Float64Array
  /** Logged value of what was shown, in the same unit: 0 without a click. */
  readonly logged: Float64Array
}

/** The pool of a request. Items that are advertised there are ads, whatever slot they were shown in. */
export function candidatePool(market: Market, terms: ValueTerms, request: number): CandidatePool {
  const { ads, requests } = market
  const items: number[] = []
  const values: number[] = []
  const isAd: number[] = []
  const seen = new Set<number>()
  const eligible = adValues(market, request, terms)
  /** @param value undefined of an organic item */
  const add = (item: number, value: number | undefined): void => {
    if (seen.has(item)) return
    seen.add(item)
    items.push(item)
    isAd.push(Number(value !== undefined))
    values.push(value ?? organicValue(terms))
  }
  const exposed = requests?.exposed
  const logged: number[] = []
  for (const entry of exposed === undefined ? [] : entriesOf(exposed, request)) {
    const item = exposed?.item[entry] ?? 0
    const ad = exposed?.ad[entry] ?? -1
    if (seen.has(item)) continue
    add(item, eligible.get(item) ?? (ad < 0 ? undefined : bidValue(ads.bid[ad], terms)))
    const conversion = exposed?.conversion?.[entry] === 1 ? terms.conversion : 0
    logged.push(exposed?.click[entry] === 1 ? (values.at(-1) ?? 0) + conversion : 0)
  }
  for (const [item, value] of eligible) add(item, value)
  const organic = requests?.organic
  if (organic !== undefined)
    for (const item of organic.item.subarray(organic.offsets[request], organic.offsets[request + 1]))
      add(item, undefined)
  return {
    count: items.length,
    shown: logged.length,
    items: Uint32Array.from(items),
    isAd: Uint8Array.from(isAd),
    value: Float64Array.from(values),
    logged: Float64Array.from(logged),
  }
}

/**
 * Places of a pool: what was shown, `own`, and of the rest half in proportion to popularity and half uniformly, without
 * replacement, up to `count`.
 * @param popularity of items, above 0
 */
export function drawCandidates(
  { count: size, shown, items }: CandidatePool,
  count: number,
  popularity: ArrayLike<number>,
  random: Random,
  own: readonly number[] = [],
): number[] {
  const chosen = new Set(Array.from({ length: Math.min(shown, count) }, (_, place) => place))
  for (const place of own) if (chosen.size < count) chosen.add(place)
  const left = Array.from({ length: size }, (_, place) => place).filter((place) => !chosen.has(place))
  const wanted = Math.min(left.length, count - chosen.size)
  // The least of exponential variables of these rates are a draw in proportion to them (Efraimidis, Spirakis 2006).
  const keys = new Map(left.map((place) => [place, -Math.log(1 - random.uniform()) / popularity[items[place]]]))
  const ranked = left.sort((one, other) => (keys.get(one) ?? 0) - (keys.get(other) ?? 0) || one - other)
  const popular = ranked.slice(0, Math.ceil(wanted / 2))
  const rest = random.shuffle(ranked.slice(popular.length)).slice(0, wanted - popular.length)
  return [...chosen, ...popular, ...rest]
}

/** How often each item was taken in the training part, and once more. */
export function popularityOf(
  {
    events,
    offsets,
    trainEnd,
    userCount,
  }: { events: Uint32Array; offsets: Uint32Array; trainEnd: Uint32Array; userCount: number },
  itemCount: number,
): Float64Array {
  const counts = new Float64Array(itemCount).fill(1)
  for (let user = 0; user < userCount; user++)
    for (const item of events.subarray(offsets[user], offsets[user] + trainEnd[user])) counts[item]++
  return counts
}
