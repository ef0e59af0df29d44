// What a reward model learns from: exposed lists of a log with their clicks and conversions.

import type { Dataset } from '../../data/dataset-reader.ts'
import { entriesBelow } from '../../data/market/exposed-entries.ts'
import { type Exposures, noUser, type Requests, requestParts } from '../../data/market/market.ts'
import { RewardDataError } from './errors.ts'
import { type FoldChoice, isOfFold } from './fold.ts'
import type { Reward, RewardShape } from './shape.ts'

/** Items or creatives as a model reads them. */
export interface CodedTable {
  readonly count: number
  readonly levels: number
  /** [count, levels]. */
  readonly codes: Uint16Array
  readonly featureDimensions: number
  /** [count, featureDimensions]. */
  readonly features: Float32Array
}

export interface RewardData {
  readonly items: CodedTable
  readonly creatives?: CodedTable
  readonly sequences: Pick<Dataset, 'events' | 'offsets'>
  readonly requests?: Requests
}

/** A log with exposed lists. */
export type ExposedRequests = Requests & { readonly exposed: Exposures }

/** @throws RewardDataError */
export const exposedRequests = ({ requests }: RewardData): ExposedRequests => {
  if (requests === undefined)
    throw new RewardDataError('NoExposedLists', 'The Dataset has no requests: a reward model learns from logged lists')
  const { exposed } = requests
  if (exposed === undefined)
    throw new RewardDataError(
      'NoExposedLists',
      'The requests of the Dataset do not tell what was shown: a reward model learns from exposed lists and their clicks',
    )
  return { ...requests, exposed }
}

/** Requests of a part and fold that showed something in their first `slots` slots, in their order. */
export const requestsOf = (
  requests: ExposedRequests,
  part: keyof typeof requestParts,
  fold: FoldChoice,
  slots: number,
): Uint32Array => {
  const chosen: number[] = []
  for (let request = 0; request < requests.count; request++) {
    if (requests.part[request] !== requestParts[part] || !isOfFold(fold, requests, request)) continue
    const { start, end } = entriesBelow(requests.exposed, request, slots)
    if (end > start) chosen.push(request)
  }
  return Uint32Array.from(chosen)
}

/** Items before the request, oldest first, at most so many; a view. */
export const historyOf = (
  { events, offsets }: RewardData['sequences'],
  { user, historyEnd }: Pick<Requests, 'user' | 'historyEnd'>,
  request: number,
  most: number,
): Uint32Array => {
  if (user[request] === noUser) return new Uint32Array()
  const start = offsets[user[request]]
  const end = start + historyEnd[request]
  return events.subarray(Math.max(start, end - most), end)
}

/**
 * What a tower learns of an entry: 1, 0, or undefined where the log says nothing about it. Where clicks of creatives are
 * not told apart, a click on an item is one on the creative that showed it. Conversions are told of clicked entries
 * alone: the tower's is the chance of a conversion given the click.
 */
export const labelOf = (exposed: Exposures, reward: Reward, entry: number): number | undefined => {
  if (reward === 'ctr') return exposed.click[entry]
  if (reward === 'ctrCreative')
    return exposed.creative[entry] < 0 ? undefined : (exposed.creativeClick ?? exposed.click)[entry]
  return exposed.click[entry] === 0 ? undefined : exposed.conversion?.[entry]
}

const checkTable = (name: string, table: CodedTable, codebooks: readonly number[], dimensions: number): void => {
  const { count, levels, codes, features, featureDimensions } = table
  const fits = levels === codebooks.length && featureDimensions === dimensions
  const whole = codes.length === count * levels && features.length === count * featureDimensions
  if (!fits || !whole || codes.some((code, index) => code >= codebooks[index % levels]))
    throw new RewardDataError(
      'WrongCodes',
      `The codes or features of ${name} are not those that the model was made for: ${levels} levels and ${featureDimensions} features, where it has ${codebooks.length} and ${dimensions}`,
    )
}

/** @throws RewardDataError where the data are not of the shape */
export const checkData = (shape: RewardShape, { items, creatives, requests }: RewardData): void => {
  checkTable('items', items, shape.itemCodebooks, shape.featureDimensions)
  if (shape.creativeCodebooks.length > 0) {
    if (creatives === undefined)
      throw new RewardDataError('NoCreatives', 'The model scores creatives and the Dataset has none')
    checkTable('creatives', creatives, shape.creativeCodebooks, shape.creativeFeatureDimensions)
  }
  if (shape.conversions && requests?.exposed !== undefined && requests.exposed.conversion === undefined)
    throw new RewardDataError(
      'NoConversions',
      'The model tells conversions and the exposed lists of the Dataset have none: train it without conversions',
    )
}

/** Share of ones among the labels of a reward; undefined where there is none. */
export const baseRate = (
  { exposed }: ExposedRequests,
  requests: Uint32Array,
  reward: Reward,
  listLength: number,
): number | undefined => {
  let ones = 0
  let labels = 0
  for (const request of requests) {
    const { start, end } = entriesBelow(exposed, request, listLength)
    for (let entry = start; entry < end; entry++) {
      const label = labelOf(exposed, reward, entry)
      if (label === undefined) continue
      ones += label
      labels++
    }
  }
  return labels === 0 ? undefined : ones / labels
}
