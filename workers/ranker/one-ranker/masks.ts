// Who sees whom in the self-attention of step 2 (Figure 2).

import type { OneRankerShape } from './shape.ts'

export type MaskShape = Pick<OneRankerShape, 'selfMask' | 'fakeItemsSee'>

/**
 * Row by row [tasks + fakes, tasks + fakes], 1 where the row's token sees the column's. Tasks see those before them and
 * all fake items; a fake item sees itself and the tasks, or the first of them alone.
 */
export const selfVisibility = ({ selfMask, fakeItemsSee }: MaskShape, tasks: number, fakes: number): Uint8Array => {
  const size = tasks + fakes
  const sees = (row: number, column: number): boolean => {
    if (selfMask === 'Full') return true
    if (row < tasks) return column >= tasks || column <= row
    return column < tasks ? fakeItemsSee === 'Tasks' || column === 0 : column === row
  }
  return Uint8Array.from({ length: size * size }, (_, cell) => Number(sees(Math.floor(cell / size), cell % size)))
}
