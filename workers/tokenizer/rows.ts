// Rows of matrices that lie row by row in one array.

import type { Random } from '../tensor/random.ts'

type RowArray = Uint16Array | Float32Array

/** Writes the rows of `rows` into those places of `target`. */
export function setRows<Rows extends RowArray>(
  target: Rows,
  rows: Rows,
  places: ArrayLike<number>,
  width: number,
): void {
  for (let row = 0; row < places.length; row++) {
    target.set(rows.subarray(row * width, (row + 1) * width), places[row] * width)
  }
}

/** Rows of `rows` in the order of `places`, into a new array like it; a place below 0 gives zeros. */
export function pickRows<Rows extends RowArray>(rows: Rows, places: ArrayLike<number>, width: number): Rows {
  const length = places.length * width
  const picked = (rows instanceof Float32Array ? new Float32Array(length) : new Uint16Array(length)) as Rows
  for (let row = 0; row < places.length; row++) {
    const place = places[row]
    if (place >= 0) picked.set(rows.subarray(place * width, (place + 1) * width), row * width)
  }
  return picked
}

/** At most so many rows, drawn without putting back. */
export const sampleRows = (rows: Float32Array, random: Random, most: number, width: number): Float32Array =>
  pickRows(rows, random.permutation(rows.length / width).subarray(0, most), width)
