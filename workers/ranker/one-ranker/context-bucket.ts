// The context of a behaviour or a request [ours]: how long after the behaviour before it, and at what hour (UTC).

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Gaps are told apart by the first of these that is longer. */
const gaps = [minute, 10 * minute, hour, 6 * hour, day, 3 * day, 7 * day, 30 * day]
/** As many as bounds, what is longer than all of them, and the first behaviour of all. */
const gapClasses = gaps.length + 2

export const unknownContext = 0
export const contextBuckets = 1 + gapClasses * 24

const gapClass = (gap: number): number => {
  const found = gaps.findIndex((bound) => gap < bound)
  return found < 0 ? gaps.length : found
}

/**
 * Bucket of what happened at `time`, within 0 .. contextBuckets - 1.
 * @param previousTime milliseconds since 1970 of the behaviour before it; undefined where there is none
 * @param time undefined, or no number, where it is not known
 */
export function contextBucket(previousTime: number | undefined, time: number | undefined): number {
  if (time === undefined || !Number.isFinite(time)) return unknownContext
  const known = previousTime !== undefined && Number.isFinite(previousTime)
  const apart = known ? gapClass(time - previousTime) : gapClasses - 1
  const hourOfDay = ((Math.floor(time / hour) % 24) + 24) % 24
  return 1 + apart * 24 + hourOfDay
}
