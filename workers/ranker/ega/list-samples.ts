// Lists that a generator learns to write: what was shown to users, or what they took next.

import type { Dataset } from '../../data/dataset-reader.ts'
import { type Market, noUser, type Requests, requestParts } from '../../data/market/market.ts'
import { joinColumns } from '../join-columns.ts'

/** Lists after a user's first `historyEnd` events, row-major [count, length]. */
export interface ListSamples {
  readonly count: number
  readonly length: number
  /** `noUser` for an unknown one. */
  readonly user: Uint32Array
  readonly historyEnd: Uint32Array
  /** 0 where the weight is 0. */
  readonly items: Int32Array
  /** -1 where none is told. */
  readonly creatives: Int32Array
  /** 0 beyond the end of a list. */
  readonly weights: Float32Array
}

type Part = keyof typeof requestParts
type Sequences = Pick<Dataset, 'events' | 'offsets' | 'userCount' | 'trainEnd' | 'validationEnd'>

const emptySamples = (count: number, length: number): ListSamples => ({
  count,
  length,
  user: new Uint32Array(count),
  historyEnd: new Uint32Array(count),
  items: new Int32Array(count * length),
  creatives: new Int32Array(count * length).fill(-1),
  weights: new Float32Array(count * length),
})

export interface ShownListOptions {
  readonly part: Part
  readonly length: number
  /** Weight of an entry that was clicked; the others have 1. */
  readonly clickedWeight: number
}

const requestsOf = ({ count, part }: Requests, wanted: Part): number[] =>
  Array.from({ length: count }, (_, request) => request).filter((request) => part[request] === requestParts[wanted])

/** Lists as they were shown; undefined where the Dataset has no exposures. */
export function shownLists({ requests }: Market, options: ShownListOptions): ListSamples | undefined {
  const exposed = requests?.exposed
  if (requests === undefined || exposed === undefined) return undefined
  const { length, clickedWeight } = options
  const rows = requestsOf(requests, options.part)
  const samples = emptySamples(rows.length, length)
  for (const [row, request] of rows.entries()) {
    samples.user[row] = requests.user[request]
    samples.historyEnd[row] = requests.historyEnd[request]
    const first = exposed.offsets[request]
    const shown = Math.min(length, exposed.offsets[request + 1] - first)
    for (let slot = 0; slot < shown; slot++) {
      samples.items[row * length + slot] = exposed.item[first + slot]
      samples.creatives[row * length + slot] = exposed.creative[first + slot]
      samples.weights[row * length + slot] = exposed.click[first + slot] === 1 ? clickedWeight : 1
    }
  }
  return samples
}

/** What users took next: pieces of `length` events of the part, each after all events before it. */
export function nextItemLists(dataset: Sequences, part: 'train' | 'validation', length: number): ListSamples {
  const starts: [user: number, position: number, end: number][] = []
  for (let user = 0; user < dataset.userCount; user++) {
    const from = part === 'train' ? 0 : dataset.trainEnd[user]
    const end = part === 'train' ? dataset.trainEnd[user] : dataset.validationEnd[user]
    for (let position = from; position < end; position += length) starts.push([user, position, end])
  }
  const samples = emptySamples(starts.length, length)
  for (const [row, [user, position, end]] of starts.entries()) {
    samples.user[row] = user
    samples.historyEnd[row] = position
    for (let slot = 0; slot < length && position + slot < end; slot++) {
      samples.items[row * length + slot] = dataset.events[dataset.offsets[user] + position + slot]
      samples.weights[row * length + slot] = 1
    }
  }
  return samples
}

/** The two one after the other. */
export function joinSamples(first: ListSamples, second: ListSamples): ListSamples {
  return {
    count: first.count + second.count,
    length: first.length,
    user: joinColumns(first.user, second.user),
    historyEnd: joinColumns(first.historyEnd, second.historyEnd),
    items: joinColumns(first.items, second.items),
    creatives: joinColumns(first.creatives, second.creatives),
    weights: joinColumns(first.weights, second.weights),
  }
}

/** Items before a sample, the oldest first; a view. */
export function historyOfSample(
  dataset: Pick<Dataset, 'events' | 'offsets'>,
  user: number,
  historyEnd: number,
): Uint32Array {
  if (user === noUser) return new Uint32Array(0)
  const first = dataset.offsets[user]
  return dataset.events.subarray(first, first + historyEnd)
}
