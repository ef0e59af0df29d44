// Batches of samples as inputs of the training graphs; rows beyond them have no weight.

import type { Dataset } from '../../data/dataset-reader.ts'
import { noUser } from '../../data/market/market.ts'
import { float32, int32, type Tensors } from '../../tensor/session.ts'
import type { CandidatePool } from './candidate-sets.ts'
import type { OneRankerShape } from './shape.ts'
import { type StreamHistory, streamTensors } from './stream.ts'
import type { TargetSamples, ValueTargets } from './target-samples.ts'
import { candidateInputs, headCount, targetInputs } from './training-model.ts'

export interface Behaviours {
  readonly dataset: Pick<Dataset, 'events' | 'offsets' | 'times'>
  /** By item, 1 for an ad. */
  readonly isAd: Uint8Array
}

/** What a user did before a moment, as far back as a model of this history reads. */
export function streamHistory(
  { dataset, isAd }: Behaviours,
  { user, historyEnd, time }: { readonly user: number; readonly historyEnd: number; readonly time: number },
  historyLength: number,
): StreamHistory {
  if (user === noUser) return { items: new Uint32Array(0), time }
  const { events, offsets, times } = dataset
  const end = offsets[user] + historyEnd
  // One more than is read: its time tells how long after it the first one was.
  const from = Math.max(offsets[user], end - historyLength - 1)
  const items = events.subarray(from, end)
  return { items, isAd: Uint8Array.from(items, (item) => isAd[item]), times: times?.subarray(from, end), time }
}

const nobody: StreamHistory = { items: new Uint32Array(0) }

/** One row of so many is read without times, as a history is that a request tells: a model has to know both. */
const timelessEvery = 10

const withoutTimes = ({ items, isAd }: StreamHistory): StreamHistory => ({ items, isAd })

/** Histories and targets of some rows of the samples. */
export function sampleTensors(
  shape: OneRankerShape,
  behaviours: Behaviours,
  samples: TargetSamples,
  values: ValueTargets,
  { rows, batch }: { readonly rows: readonly number[]; readonly batch: number },
): Tensors {
  const { user, historyEnd, time, length } = samples
  const histories = Array.from({ length: batch }, (_, place) => {
    const row = rows[place]
    if (row === undefined) return nobody
    const moment = { user: user[row], historyEnd: historyEnd[row], time: time[row] }
    const history = streamHistory(behaviours, moment, shape.historyLength)
    return place % timelessEvery === timelessEvery - 1 ? withoutTimes(history) : history
  })
  const heads = headCount(shape)
  const items = new Int32Array(batch * heads)
  const weights = new Float32Array(batch * heads)
  for (const [place, row] of rows.entries()) {
    const interests = Math.min(length, shape.interestTokens)
    items.set(samples.items.subarray(row * length, row * length + interests), place * heads)
    weights.set(samples.weights.subarray(row * length, row * length + interests), place * heads)
    items.fill(values.item[row], place * heads + shape.interestTokens, (place + 1) * heads)
    weights.fill(values.weight[row], place * heads + shape.interestTokens, (place + 1) * heads)
  }
  return {
    ...streamTensors(shape, histories),
    [targetInputs.items]: int32([batch, heads], items),
    [targetInputs.weights]: float32([batch, heads], weights),
  }
}

/** The candidates of a row: places of its pool, and their eCPM, NaN where it is not known. */
export interface CandidateRow {
  readonly pool: CandidatePool
  readonly places: readonly number[]
  readonly labels: ArrayLike<number>
}

/** @param most candidates of a row */
export function candidateTensors(rows: readonly CandidateRow[], batch: number, most: number): Tensors {
  const cells = batch * most
  const items = new Int32Array(cells)
  const isAd = new Float32Array(cells)
  const logValue = new Float32Array(cells)
  const label = new Float32Array(cells)
  const labelled = new Float32Array(cells)
  const present = new Float32Array(cells)
  for (const [row, { pool, places, labels }] of rows.entries())
    for (const [place, candidate] of places.entries()) {
      const cell = row * most + place
      items[cell] = pool.items[candidate]
      isAd[cell] = pool.isAd[candidate]
      logValue[cell] = Math.log(pool.value[candidate])
      present[cell] = 1
      if (Number.isNaN(labels[place])) continue
      label[cell] = labels[place]
      labelled[cell] = 1
    }
  const size = [batch, most]
  return {
    [candidateInputs.items]: int32(size, items),
    [candidateInputs.isAd]: float32(size, isAd),
    [candidateInputs.logValue]: float32(size, logValue),
    [candidateInputs.label]: float32(size, label),
    [candidateInputs.labelled]: float32(size, labelled),
    [candidateInputs.present]: float32(size, present),
  }
}
