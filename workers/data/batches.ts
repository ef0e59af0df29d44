/** Training windows in padded batches of a few fixed shapes, as static graphs need them. */
import { Random } from '../tensor/random.ts'
import type { Dataset } from './dataset-reader.ts'
import type { TrainingWindows } from './sequences.ts'

export interface Bucket {
  /** Longest window that it takes, in items. */
  length: number
  /** Rows of a batch. */
  batchSize: number
}

/** Which windows make up a batch. */
export interface BatchPlan {
  bucket: Bucket
  /** Indices of windows, at most batchSize. */
  windows: Uint32Array
}

/** Row-major [batchSize, length]; sequences begin at the left, padding follows. */
export interface Batch {
  length: number
  batchSize: number
  /** Rows that hold a window; the rest are padding. */
  rows: number
  /** Item indices; the padding item elsewhere. */
  items: Int32Array
  /** 1 where the item is to be predicted from those before it in the row, else 0. */
  targetMask: Uint8Array
  /** [batchSize]: items in each row. */
  lengths: Int32Array
}

export interface EpochOptions {
  /** Ascending by length; the last must take the longest window. */
  buckets: readonly Bucket[]
  seed: number
  epoch: number
}

/**
 * The batches of an epoch: every window once, in the smallest bucket that takes it. Windows are shuffled inside their
 * bucket and batches across buckets, from the seed and the epoch alone, so an epoch resumes at any batch.
 * @throws RangeError when a window fits no bucket
 */
export function planEpoch(windows: TrainingWindows, options: EpochOptions): BatchPlan[] {
  const random = new Random(options.seed, 'epoch', options.epoch)
  const members = assignBuckets(windows, options.buckets)
  const plans: BatchPlan[] = []
  for (const [index, bucket] of options.buckets.entries()) {
    const order = random.shuffle(Uint32Array.from(members[index]))
    for (let from = 0; from < order.length; from += bucket.batchSize) {
      plans.push({ bucket, windows: order.subarray(from, from + bucket.batchSize) })
    }
  }
  return random.shuffle(plans)
}

/** Batches of an epoch: the same for every epoch. */
export function countBatches(windows: TrainingWindows, buckets: readonly Bucket[]): number {
  const members = assignBuckets(windows, buckets)
  return buckets.reduce((sum, { batchSize }, index) => sum + Math.ceil(members[index].length / batchSize), 0)
}

function assignBuckets(windows: TrainingWindows, buckets: readonly Bucket[]): number[][] {
  const members: number[][] = buckets.map(() => [])
  for (let window = 0; window < windows.count; window++) {
    const length = windows.end[window] - windows.start[window]
    const bucket = buckets.findIndex((candidate) => length <= candidate.length)
    if (bucket < 0)
      throw new RangeError(`No bucket takes a window of ${length} items; the longest is ${buckets.at(-1)?.length}`)
    members[bucket].push(window)
  }
  return members
}

/** @param paddingItem default: one past the last item */
export function fillBatch(
  dataset: Pick<Dataset, 'events' | 'offsets' | 'itemCount'>,
  windows: TrainingWindows,
  plan: BatchPlan,
  paddingItem: number = dataset.itemCount,
): Batch {
  const { length, batchSize } = plan.bucket
  const items = new Int32Array(batchSize * length).fill(paddingItem)
  const targetMask = new Uint8Array(batchSize * length)
  const lengths = new Int32Array(batchSize)
  plan.windows.forEach((window, row) => {
    const start = windows.start[window]
    const first = dataset.offsets[windows.user[window]]
    items.set(dataset.events.subarray(first + start, first + windows.end[window]), row * length)
    lengths[row] = windows.end[window] - start
    targetMask.fill(1, row * length + windows.firstTarget[window] - start, row * length + lengths[row])
  })
  return { length, batchSize, rows: plan.windows.length, items, targetMask, lengths }
}
