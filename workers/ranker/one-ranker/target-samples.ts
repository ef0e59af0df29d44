// What the heads of multi-token prediction learn: the next items of a user, one a head, and of these the one that the
// value tokens learn, drawn by its value.

import type { Dataset } from '../../data/dataset-reader.ts'
import { type Exposures, type Market, noUser, type Requests, requestParts } from '../../data/market/market.ts'
import type { Random } from '../../tensor/random.ts'
import { joinColumns } from '../join-columns.ts'

/** Row-major [count, length]. */
export interface TargetSamples {
  readonly count: number
  /** Targets of a row at most (m). */
  readonly length: number
  /** `noUser` for an unknown one. */
  readonly user: Uint32Array
  /** Events of the user before the targets. */
  readonly historyEnd: Uint32Array
  /** Milliseconds since 1970, NaN where it is not known. */
  readonly time: Float64Array
  /** Index in `Market.requests`, -1 where the targets are of no request. */
  readonly request: Int32Array
  /** 0 where the weight is 0. */
  readonly items: Int32Array
  /** In the loss of the interest heads; 0 beyond the last target. */
  readonly weights: Float32Array
  /** Value of the item times that of what was done with it; 0 beyond the last target. */
  readonly values: Float32Array
}

type Part = 'train' | 'validation'
type Sequences = Pick<Dataset, 'events' | 'offsets' | 'userCount' | 'trainEnd' | 'validationEnd' | 'times'>

/** How much more than a click a conversion says [ours]: GPR orders actions so and gives no numbers. */
const conversionAction = 3

interface Target {
  readonly item: number
  readonly weight: number
  readonly value: number
}

interface Row {
  readonly user: number
  readonly historyEnd: number
  readonly time: number
  readonly request: number
  readonly targets: readonly Target[]
}

function samplesOf(rows: readonly Row[], length: number): TargetSamples {
  const cells = rows.length * length
  const samples: TargetSamples = {
    count: rows.length,
    length,
    user: Uint32Array.from(rows, ({ user }) => user),
    historyEnd: Uint32Array.from(rows, ({ historyEnd }) => historyEnd),
    time: Float64Array.from(rows, ({ time }) => time),
    request: Int32Array.from(rows, ({ request }) => request),
    items: new Int32Array(cells),
    weights: new Float32Array(cells),
    values: new Float32Array(cells),
  }
  for (const [row, { targets }] of rows.entries())
    for (const [place, { item, weight, value }] of targets.slice(0, length).entries()) {
      samples.items[row * length + place] = item
      samples.weights[row * length + place] = weight
      samples.values[row * length + place] = value
    }
  return samples
}

/** The events of a user from a position to the end of a part, as targets of weight 1. */
function nextTargets(
  { events, offsets, trainEnd, validationEnd }: Sequences,
  values: Float64Array,
  { user, from, part, most }: { user: number; from: number; part: Part; most: number },
): Target[] {
  if (user === noUser) return []
  const end = part === 'train' ? trainEnd[user] : validationEnd[user]
  const taken = events.subarray(offsets[user] + from, offsets[user] + Math.max(from, Math.min(end, from + most)))
  return Array.from(taken, (item) => ({ item, weight: 1, value: values[item] }))
}

export interface NextItemOptions {
  readonly part: Part
  /** Targets of a row at most. */
  readonly length: number
  /** Events from one row of a user to its next. */
  readonly stride: number
  /** [items]. */
  readonly values: Float64Array
  /** Where the rows of each user begin, so that other epochs ask at other positions; absent: at the part's beginning. */
  readonly random?: Random
}

/**
 * What users took next, asked at every `stride`-th position of the part, from a first one that is drawn: as many rows
 * whatever is drawn, the last ones of a user beginning anew at the part's beginning.
 */
export function nextItemTargets(dataset: Sequences, options: NextItemOptions): TargetSamples {
  const { part, length, stride, values, random } = options
  const rows: Row[] = []
  for (let user = 0; user < dataset.userCount; user++) {
    const from = part === 'train' ? 0 : dataset.trainEnd[user]
    const count = (part === 'train' ? dataset.trainEnd[user] : dataset.validationEnd[user]) - from
    if (count <= 0) continue
    const first = random?.below(count) ?? 0
    for (let place = 0; place < count; place += stride) {
      const position = from + ((first + place) % count)
      rows.push({
        user,
        historyEnd: position,
        time: dataset.times?.[dataset.offsets[user] + position] ?? Number.NaN,
        request: -1,
        targets: nextTargets(dataset, values, { user, from: position, part, most: length }),
      })
    }
  }
  return samplesOf(rows, length)
}

export interface RequestTargetOptions {
  readonly part: Part
  readonly length: number
  /** Weight of what was clicked. */
  readonly clickedWeight: number
  /** [items]. */
  readonly values: Float64Array
  /** Values of items in a request, of those where they are others than usually. */
  readonly valuesIn?: (request: number) => ReadonlyMap<number, number>
  /** Whether what the user took next follows what was clicked. */
  readonly andNext: boolean
  /** Whether a request without any target has a row. */
  readonly withoutTargets: boolean
}

/** What was clicked of the lists that requests were answered with, slot after slot. */
export function requestTargets(
  dataset: Sequences,
  { requests }: Pick<Market, 'requests'>,
  options: RequestTargetOptions,
): TargetSamples {
  const { part, length, values, andNext, withoutTargets } = options
  const rows: Row[] = []
  for (let request = 0; requests !== undefined && request < requests.count; request++) {
    if (requests.part[request] !== requestParts[part]) continue
    const user = requests.user[request]
    const historyEnd = requests.historyEnd[request]
    const clicked = clickedTargets(requests, request, options)
    const seen = new Set(clicked.map(({ item }) => item))
    const next = andNext ? nextTargets(dataset, values, { user, from: historyEnd, part, most: length }) : []
    const targets = [...clicked, ...next.filter(({ item }) => !seen.has(item))]
    if (targets.length === 0 && !withoutTargets) continue
    rows.push({ user, historyEnd, time: requests.time?.[request] ?? Number.NaN, request, targets })
  }
  return samplesOf(rows, length)
}

function clickedTargets(
  { exposed }: Requests,
  request: number,
  { clickedWeight, values, valuesIn }: RequestTargetOptions,
): Target[] {
  if (exposed === undefined) return []
  const clicked = entriesOf(exposed, request).filter((entry) => exposed.click[entry] === 1)
  if (clicked.length === 0) return []
  const ofRequest = valuesIn?.(request)
  return clicked.map((entry) => {
    const item = exposed.item[entry]
    const action = exposed.conversion?.[entry] === 1 ? conversionAction : 1
    return { item, weight: clickedWeight, value: action * (ofRequest?.get(item) ?? values[item]) }
  })
}

/** Entries that a request showed. */
export const entriesOf = ({ offsets }: Pick<Exposures, 'offsets'>, request: number): number[] =>
  Array.from({ length: offsets[request + 1] - offsets[request] }, (_, place) => offsets[request] + place)

/** The two one after the other. */
export function joinTargets(first: TargetSamples, second: TargetSamples): TargetSamples {
  return {
    count: first.count + second.count,
    length: first.length,
    user: joinColumns(first.user, second.user),
    historyEnd: joinColumns(first.historyEnd, second.historyEnd),
    time: joinColumns(first.time, second.time),
    request: joinColumns(first.request, second.request),
    items: joinColumns(first.items, second.items),
    weights: joinColumns(first.weights, second.weights),
    values: joinColumns(first.values, second.values),
  }
}

/** Largest weight of a value target: one rich ad must not outweigh a whole batch [ours]. */
const mostValue = 5

export interface ValueTargets {
  /** [count], 0 where the weight is 0. */
  readonly item: Int32Array
  /** [count]. */
  readonly weight: Float32Array
}

/**
 * Value-weighted sampling: of the targets of each row one in proportion to its value, with the sum of their values as its
 * weight, so that in expectation every target counts by its value. Weights are in units of their mean, and cut.
 */
export function valueTargets({ count, length, items, values }: TargetSamples, random: Random): ValueTargets {
  const item = new Int32Array(count)
  const weight = new Float32Array(count)
  let total = 0
  let rows = 0
  for (let row = 0; row < count; row++) {
    const own = values.subarray(row * length, (row + 1) * length)
    const sum = own.reduce((before, value) => before + value, 0)
    const drawn = random.uniform() * sum
    if (sum === 0) continue
    item[row] = items[row * length + placeOf(own, drawn)]
    weight[row] = sum
    total += sum
    rows++
  }
  const mean = total / Math.max(1, rows)
  return { item, weight: weight.map((value) => (value === 0 ? 0 : Math.min(mostValue, value / mean))) }
}

/** The first place up to which values sum to more than `threshold`; the last of a value where rounding has it. */
function placeOf(values: Float32Array, threshold: number): number {
  let sum = 0
  let last = 0
  for (const [place, value] of values.entries()) {
    if (value === 0) continue
    last = place
    sum += value
    if (sum > threshold) return place
  }
  return last
}
