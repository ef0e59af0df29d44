// Relative positions by bucket, so that a bias of attention may be learned for any distance [ours]: each near one by
// itself, far ones by four to an octave.

/** Distances below it have a bucket each. */
const exact = 16
const perOctave = 4
const octaves = 8

/** The last bucket is of the user token, which stands at no distance from a behaviour. */
export const distanceBuckets = exact + perOctave * octaves + 1
export const userBucket = distanceBuckets - 1

/** Bucket of a distance of so many positions; from `exact * 2 ** octaves` on they are all alike. */
export const distanceBucket = (distance: number): number =>
  distance < exact
    ? distance
    : Math.min(userBucket - 1, exact + Math.floor(perOctave * Math.log2(distance / exact) + 1e-9))
