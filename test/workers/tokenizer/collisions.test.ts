import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  appendLevel,
  collisionRate,
  placeNewItems,
  reassign,
  type UniqueCodes,
} from '../../../workers/tokenizer/collisions.ts'
import type { Codebooks } from '../../../workers/tokenizer/residual-quantizer.ts'
import { normals } from './support.ts'

const dimensions = 2

/** Items with arbitrary codes of 3 levels of 4 entries: 64 paths. */
const arbitraryItems = fc
  .record({
    paths: fc.array(fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 64 }),
    seed: fc.nat(),
  })
  .map(({ paths, seed }) => ({
    paths,
    codes: Uint16Array.from(paths.flat()),
    codebooks: { dimensions, sizes: [4, 4, 4], data: normals(12 * dimensions, 'codebooks', seed) },
    features: normals(paths.length * dimensions, 'features', seed),
  }))

const pathsOf = ({ codes, sizes }: UniqueCodes): string[] =>
  Array.from({ length: codes.length / sizes.length }, (_, item) =>
    codes.subarray(item * sizes.length, (item + 1) * sizes.length).join(),
  )

describe('collision rate', () => {
  test('is the share of items that are not alone', () => {
    expect(collisionRate(Uint16Array.of(1, 1, 1, 2, 1, 1, 3, 3, 1, 1), 2)).toBe(3 / 5)
    expect(collisionRate(new Uint16Array(0), 2)).toBe(0)
  })
})

describe('Reassign', () => {
  test('makes paths unique, of valid codes, and moves no item that was alone', () => {
    fc.assert(
      fc.property(arbitraryItems, ({ paths, codes, codebooks, features }) => {
        const unique = reassign(codes, codebooks, features)
        const after = pathsOf(unique)
        expect(new Set(after).size).toBe(paths.length)
        expect(Math.max(...unique.codes)).toBeLessThan(4)
        const before = paths.map((path) => path.join())
        before.forEach((path, item) => {
          const together = before.filter((other) => other === path).length
          if (together === 1) expect(after[item]).toBe(path)
        })
        for (const path of before) expect(after).toContain(path)
      }),
    )
  })

  test('the best represented keeps its codes, the other takes the nearest free last code', () => {
    const codebooks: Codebooks = { dimensions: 1, sizes: [1, 3], data: Float32Array.of(0, 0, 10, 4) }
    const unique = reassign(Uint16Array.of(0, 0, 0, 0), codebooks, Float32Array.of(1.5, 0.5))
    expect(pathsOf(unique)).toEqual(['0,2', '0,0'])
  })

  test('goes to another prefix only when its own is full', () => {
    // Level 0: 0 and 100; level 1: 0 and 1. Three items near 0, of which two find a place below it.
    const codebooks: Codebooks = { dimensions: 1, sizes: [2, 2], data: Float32Array.of(0, 100, 0, 1) }
    const unique = reassign(new Uint16Array(6), codebooks, Float32Array.of(0, 0.1, 0.2))
    expect(pathsOf(unique)).toEqual(['0,0', '0,1', '1,0'])
  })

  test('is refused when there are fewer paths than items', () => {
    const codebooks: Codebooks = { dimensions: 1, sizes: [2], data: Float32Array.of(0, 1) }
    expect(() => reassign(new Uint16Array(3), codebooks, new Float32Array(3))).toThrow(/2 paths for 3 items/)
  })
})

describe('AppendLevel', () => {
  test('keeps every code and numbers the items of equal codes from 0', () => {
    fc.assert(
      fc.property(arbitraryItems, ({ paths, codes, codebooks, features }) => {
        const unique = appendLevel(codes, codebooks, features)
        expect(new Set(pathsOf(unique)).size).toBe(paths.length)
        const groups = Object.groupBy(pathsOf(unique), (path) => path.split(',').slice(0, 3).join())
        expect(Object.keys(groups).sort()).toEqual([...new Set(paths.map((path) => path.join()))].sort())
        for (const group of Object.values(groups)) {
          const numbers = (group ?? []).map((path) => Number(path.split(',')[3])).sort((a, b) => a - b)
          expect(numbers).toEqual(numbers.map((_, index) => index))
        }
        expect(unique.sizes[3]).toBe(Math.max(...Object.values(groups).map((group) => group?.length ?? 0)))
      }),
    )
  })
})

describe('new items', () => {
  test('get their nearest codes where free, and paths that nobody has', () => {
    fc.assert(
      fc.property(arbitraryItems, ({ paths, codes, codebooks, features }) => {
        fc.pre(paths.length <= 32)
        const taken = reassign(codes, codebooks, features)
        const fresh = placeNewItems(codes, features, taken, codebooks)
        const all = [...pathsOf(taken), ...pathsOf({ codes: fresh, sizes: taken.sizes })]
        expect(new Set(all).size).toBe(all.length)
      }),
    )
  })

  test('take the next number of an appended level, and another prefix when the numbers are out', () => {
    const codebooks: Codebooks = { dimensions: 1, sizes: [2], data: Float32Array.of(0, 1) }
    const taken = { codes: Uint16Array.of(0, 0, 0, 1, 1, 0), sizes: [2, 2] }
    const place = (code: number) => placeNewItems(Uint16Array.of(code), Float32Array.of(code), taken, codebooks)
    expect([...place(1)]).toEqual([1, 1])
    expect([...place(0)]).toEqual([1, 1])
    const full = { codes: Uint16Array.of(0, 0, 0, 1, 1, 0, 1, 1), sizes: [2, 2] }
    expect(() => placeNewItems(Uint16Array.of(0), Float32Array.of(0), full, codebooks)).toThrow(/every path/)
  })
})
