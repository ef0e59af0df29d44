/** Views of users' sequences: windows to train on, cases to evaluate, and the tie check. */
import { Random } from '../tensor/random.ts'
import type { Dataset } from './dataset-reader.ts'
import { noUser } from './market/market.ts'

type Sequences = Pick<Dataset, 'events' | 'offsets' | 'trainEnd' | 'userCount'>

/** A user's items in order; a view, not a copy. */
export function sequenceOf(dataset: Pick<Dataset, 'events' | 'offsets'>, user: number): Uint32Array {
  return dataset.events.subarray(dataset.offsets[user], dataset.offsets[user + 1])
}

/**
 * Pieces of training parts, one entry an array each; positions count within the user's sequence. A window holds the
 * items [start, end), of which [firstTarget, end) are to be predicted from those before them in the window.
 */
export interface TrainingWindows {
  count: number
  user: Uint32Array
  start: Uint32Array
  end: Uint32Array
  firstTarget: Uint32Array
}

export interface WindowOptions {
  /** Most items that a target may see. */
  historyLength: number
  /**
   * Of sequences longer than a window: MostRecent takes its last part; EveryTarget (default) makes every item a target
   * once, in windows that overlap by half, so that targets of later windows still see half of historyLength or more.
   */
  coverage?: 'MostRecent' | 'EveryTarget'
  /** Whether a user's first item is a target too, predicted from nothing. Default false. */
  predictsFirst?: boolean
}

/** Windows over the training parts, in the order of users. Validation and test items are in none of them. */
export function trainingWindows(dataset: Sequences, options: WindowOptions): TrainingWindows {
  const windows = { user: [] as number[], start: [] as number[], end: [] as number[], firstTarget: [] as number[] }
  for (let user = 0; user < dataset.userCount; user++) {
    for (const [start, end, firstTarget] of cutWindows(dataset.trainEnd[user], options)) {
      windows.user.push(user)
      windows.start.push(start)
      windows.end.push(end)
      windows.firstTarget.push(firstTarget)
    }
  }
  return {
    count: windows.user.length,
    user: Uint32Array.from(windows.user),
    start: Uint32Array.from(windows.start),
    end: Uint32Array.from(windows.end),
    firstTarget: Uint32Array.from(windows.firstTarget),
  }
}

/** [start, end, firstTarget] of each window over [0, length), the earliest first. */
function cutWindows(length: number, options: WindowOptions): [number, number, number][] {
  const least = options.predictsFirst ? 0 : 1
  const size = options.historyLength + 1
  if (length <= least) return []
  if (length <= size) return [[0, length, least]]
  if (options.coverage === 'MostRecent') return [[length - size, length, length - size + 1]]
  const windows: [number, number, number][] = [[0, size, least]]
  const stride = Math.max(1, Math.ceil(options.historyLength / 2))
  for (let covered = size; covered < length; ) {
    const end = Math.min(length, covered + stride)
    windows.push([end - size, end, covered])
    covered = end
  }
  return windows
}

/** Targets of a split, in the order of users and positions. */
export interface EvaluationCases {
  count: number
  user: Uint32Array
  /** Of the target, within the user's sequence. */
  position: Uint32Array
  /** Item index. */
  target: Uint32Array
}

/** Every item of the validation or test part as a target. */
export function evaluationCases(dataset: Dataset, split: 'validation' | 'test'): EvaluationCases {
  const user: number[] = []
  const position: number[] = []
  const target: number[] = []
  for (let index = 0; index < dataset.userCount; index++) {
    const sequence = sequenceOf(dataset, index)
    const begin = split === 'validation' ? dataset.trainEnd[index] : dataset.validationEnd[index]
    const end = split === 'validation' ? dataset.validationEnd[index] : sequence.length
    for (let place = begin; place < end; place++) {
      user.push(index)
      position.push(place)
      target.push(sequence[place])
    }
  }
  return {
    count: user.length,
    user: Uint32Array.from(user),
    position: Uint32Array.from(position),
    target: Uint32Array.from(target),
  }
}

/** Everything before the target, or the most recent `limit` of it; a view. Empty for a user's first item. */
export function historyOf(
  dataset: Pick<Dataset, 'events' | 'offsets'>,
  cases: EvaluationCases,
  index: number,
  limit = Number.POSITIVE_INFINITY,
): Uint32Array {
  const position = cases.position[index]
  return sequenceOf(dataset, cases.user[index]).subarray(Math.max(0, position - limit), position)
}

/** What a user did, the oldest first. */
export interface TimedHistory {
  readonly history: Uint32Array
  /** Milliseconds since 1970 of each item; absent where they are not known. */
  readonly historyTimes?: Float64Array
}

/** Before some position of the user's sequence, as views; nothing of `noUser`. */
export function timedHistory(
  dataset: Pick<Dataset, 'events' | 'offsets' | 'times'>,
  user: number,
  position: number,
): TimedHistory {
  if (user === noUser) return { history: new Uint32Array() }
  const history = sequenceOf(dataset, user).subarray(0, position)
  const first = dataset.offsets[user]
  const { times } = dataset
  return times === undefined ? { history } : { history, historyTimes: times.subarray(first, first + position) }
}

/** The time of a request or a target, where it is known. */
export const timeOf = (time: number | undefined): { readonly time?: number } =>
  time === undefined || Number.isNaN(time) ? {} : { time }

export interface TieOptions {
  seed: number
  /** For data without times: what the file was ordered by inside ties. A run ascends by it and ends where it falls. */
  orderKey?: (item: number) => number | string
}

/**
 * The dataset with every maximal run of ties in random order: events of one time or, with an order key, events that
 * ascend by it. Cuts stay at their positions. What a model loses by it is what it owes to the order inside ties.
 */
export function shuffleTies(dataset: Dataset, options: TieOptions): Dataset {
  const { times } = dataset
  const { orderKey } = options
  if (orderKey === undefined && times === undefined) {
    throw new RangeError('Data without times need an order key for the tie check')
  }
  const continues = (event: number): boolean => {
    if (orderKey !== undefined) return orderKey(dataset.events[event]) >= orderKey(dataset.events[event - 1])
    return times?.[event] === times?.[event - 1]
  }
  const random = new Random(options.seed, 'ties')
  const events = dataset.events.slice()
  for (let user = 0; user < dataset.userCount; user++) {
    const end = dataset.offsets[user + 1]
    let start: number = dataset.offsets[user]
    for (let event = start + 1; event <= end; event++) {
      if (event < end && continues(event)) continue
      // A view: shuffling it shuffles the events. Times inside a run by time are equal and may stay.
      if (event - start > 1) random.shuffle(events.subarray(start, event))
      start = event
    }
  }
  const shuffled = { ...dataset, events }
  // Events have changed places across different times; times would no longer belong to them.
  if (orderKey !== undefined) delete shuffled.times
  return shuffled
}
