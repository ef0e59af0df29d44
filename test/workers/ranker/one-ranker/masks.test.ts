import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { selfVisibility } from '../../../../workers/ranker/one-ranker/masks.ts'

const drawn = { selfMask: 'Heterogeneous', fakeItemsSee: 'Tasks' } as const

const rowsOf = (mask: Uint8Array): string[] => {
  const size = Math.sqrt(mask.length)
  return Array.from({ length: size }, (_, row) => mask.subarray(row * size, (row + 1) * size).join(''))
}

describe('the self-attention of step 2', () => {
  test('sees what Figure 2 draws for two tasks and three fake items', () => {
    expect(rowsOf(selfVisibility(drawn, 2, 3))).toEqual(['10111', '11111', '11100', '11010', '11001'])
  })

  test('has that pattern at every size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 40 }), (tasks, fakes) => {
        const rows = rowsOf(selfVisibility(drawn, tasks, fakes))
        for (const [row, seen] of rows.entries())
          expect(seen).toBe(
            row < tasks
              ? '1'.repeat(row + 1) + '0'.repeat(tasks - row - 1) + '1'.repeat(fakes)
              : `${'1'.repeat(tasks)}${'0'.repeat(row - tasks)}1${'0'.repeat(tasks + fakes - row - 1)}`,
          )
      }),
    )
  })

  test('lets fake items see the first task alone where that is asked, and tasks what they saw before', () => {
    const firstTask = { ...drawn, fakeItemsSee: 'FirstTask' } as const
    expect(rowsOf(selfVisibility(firstTask, 3, 2))).toEqual(['10011', '11011', '11111', '10010', '10001'])
  })

  test('hides nothing under the full mask', () => {
    expect(rowsOf(selfVisibility({ selfMask: 'Full', fakeItemsSee: 'FirstTask' }, 2, 1))).toEqual(['111', '111', '111'])
  })
})
