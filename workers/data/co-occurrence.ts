import { type SparseMatrix, SparseMatrixBuilder } from '../tensor/linear-algebra/sparse-matrix.ts'

/** The users' sequences, one after another: user u has events[offsets[u] .. offsets[u + 1]), oldest first. */
export interface TrainingSequences {
  readonly itemCount: number
  readonly userCount: number
  readonly offsets: Uint32Array
  /** Item indices. */
  readonly events: Uint32Array
  /** Length of the training part of each user's sequence. */
  readonly trainEnd: Uint32Array
}

export interface CoOccurrenceOptions {
  /** Interactions of one user at most this far apart count as together. */
  readonly window: number
  /** Only the most recent so many interactions of a training part count; absent: all. */
  readonly historyLength?: number
  /** Factor for each further step of distance. */
  readonly decay: number
  /** Factor of an item that came before, against 1 of one that came after. */
  readonly backward: number
}

/** Part of the events that counts: [start, end) of each user's training part. */
function trainingRange(sequences: TrainingSequences, user: number, limit: number): [number, number] {
  const first = sequences.offsets[user]
  const end = first + sequences.trainEnd[user]
  return [Math.max(first, end - limit), end]
}

/**
 * Decayed counts C[i][j] of j near i in the training parts: `g * decay^(distance - 1) / ln(2 + L)` for each pair, where
 * L is the length of the user's part (long histories say less a pair) and g is 1 when j came after i, else `backward`.
 * An item is not counted with itself.
 */
export function coOccurrence(sequences: TrainingSequences, options: CoOccurrenceOptions): SparseMatrix {
  const { itemCount, userCount, events } = sequences
  const limit = options.historyLength ?? Number.POSITIVE_INFINITY
  const { starts, occurrences, users } = occurrencesByItem(sequences, limit)
  const counts = new Float64Array(itemCount)
  const builder = new SparseMatrixBuilder(itemCount)
  const ranges = Array.from({ length: userCount }, (_, user) => trainingRange(sequences, user, limit))
  for (let item = 0; item < itemCount; item++) {
    const touched: number[] = []
    const count = (other: number, amount: number): void => {
      if (other === item) return
      if (counts[other] === 0) touched.push(other)
      counts[other] += amount
    }
    for (let index = starts[item]; index < starts[item + 1]; index++) {
      const at = occurrences[index]
      const [first, end] = ranges[users[index]]
      const weight = 1 / Math.log(2 + end - first)
      const last = Math.min(end - 1, at + options.window)
      for (let place = Math.max(first, at - options.window); place <= last; place++) {
        if (place > at) count(events[place], weight * options.decay ** (place - at - 1))
        else if (place < at) count(events[place], options.backward * weight * options.decay ** (at - place - 1))
      }
    }
    touched.sort((a, b) => a - b)
    for (const other of touched) {
      builder.add(other, counts[other])
      counts[other] = 0
    }
    builder.endRow()
  }
  return builder.build()
}

/** How often each item occurs in the training parts. */
export function trainingCounts(sequences: TrainingSequences): Uint32Array {
  const counts = new Uint32Array(sequences.itemCount)
  for (let user = 0; user < sequences.userCount; user++) {
    const [first, end] = trainingRange(sequences, user, Number.POSITIVE_INFINITY)
    for (let place = first; place < end; place++) counts[sequences.events[place]]++
  }
  return counts
}

function occurrencesByItem(sequences: TrainingSequences, limit: number) {
  const { itemCount, userCount, events } = sequences
  const starts = new Uint32Array(itemCount + 1)
  const visit = (action: (item: number, place: number, user: number) => void): void => {
    for (let user = 0; user < userCount; user++) {
      const [first, end] = trainingRange(sequences, user, limit)
      for (let place = first; place < end; place++) action(events[place], place, user)
    }
  }
  visit((item) => {
    starts[item + 1]++
  })
  for (let item = 0; item < itemCount; item++) starts[item + 1] += starts[item]
  const next = starts.slice()
  const occurrences = new Uint32Array(starts[itemCount])
  const users = new Uint32Array(starts[itemCount])
  visit((item, place, user) => {
    const index = next[item]++
    occurrences[index] = place
    users[index] = user
  })
  return { starts, occurrences, users }
}
