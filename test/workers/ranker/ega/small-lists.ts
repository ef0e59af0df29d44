// Lists that follow from histories: what comes after an item is fixed, and so is each item's creative.

import { noUser } from '../../../../workers/data/market/market.ts'
import type { ListSamples } from '../../../../workers/ranker/ega/list-samples.ts'
import type { PretrainingData, PretrainingOptions } from '../../../../workers/ranker/ega/pretraining.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { creativesPerItem, smallCatalogue, smallShape } from './small-generator.ts'

export const itemCount = 16
export const historyOfUser = 5
const users = 24

const after = (item: number): number => (item * 5 + 3) % itemCount
const creativeOf = (item: number): number => item * creativesPerItem + (item % creativesPerItem)

/** `count` lists of three, some after nobody's history, some of two entries. */
export function smallLists(count: number, length: number, seed: number): PretrainingData {
  const random = new Random(seed, 'small-lists')
  const events = new Uint32Array(users * historyOfUser)
  for (let user = 0; user < users; user++) {
    events[user * historyOfUser] = random.below(itemCount)
    for (let at = 1; at < historyOfUser; at++)
      events[user * historyOfUser + at] = after(events[user * historyOfUser + at - 1])
  }
  const samplesOf = (rows: number): ListSamples => {
    const samples = {
      count: rows,
      length,
      user: new Uint32Array(rows),
      historyEnd: new Uint32Array(rows),
      items: new Int32Array(rows * length),
      creatives: new Int32Array(rows * length).fill(-1),
      weights: new Float32Array(rows * length),
    }
    for (let row = 0; row < rows; row++) {
      const user = random.below(users)
      const known = row % 8 !== 7
      samples.user[row] = known ? user : noUser
      samples.historyEnd[row] = known ? 1 + random.below(historyOfUser) : 0
      let item = known ? events[user * historyOfUser + samples.historyEnd[row] - 1] : 0
      for (let slot = 0; slot < length - (row % 3 === 0 ? 1 : 0); slot++) {
        item = after(item)
        samples.items[row * length + slot] = item
        samples.creatives[row * length + slot] = creativeOf(item)
        samples.weights[row * length + slot] = 1
      }
    }
    return samples
  }
  return {
    dataset: { events, offsets: Uint32Array.from({ length: users + 1 }, (_, user) => user * historyOfUser) },
    catalogue: smallCatalogue(itemCount),
    train: samplesOf(count),
    validation: samplesOf(16),
    eventCreatives: Int32Array.from(events, (item, event) => (event % 4 === 0 ? -1 : creativeOf(item))),
  }
}

export const optionsOf = (changes: Partial<PretrainingOptions> = {}): PretrainingOptions => ({
  shape: smallShape(itemCount, { layers: 1, listLength: 3 }),
  regularization: { dropout: 0.1, labelSmoothing: 0 },
  schedule: { kind: 'constant', peak: 0.01, warmupSteps: 2 },
  weightDecay: 0.01,
  clipNorm: 1,
  batchSize: 16,
  epochs: 6,
  patience: 0,
  seed: 3,
  threads: 1,
  ...changes,
})
