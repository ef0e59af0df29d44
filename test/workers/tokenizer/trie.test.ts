import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildTrie, eligibleChildren, findNode, itemOfPath } from '../../../workers/tokenizer/trie.ts'

/** Distinct paths of equal length, in any order. */
const arbitraryPaths = fc
  .integer({ min: 1, max: 4 })
  .chain((levels) =>
    fc.uniqueArray(fc.array(fc.nat(4), { minLength: levels, maxLength: levels }), {
      selector: (path) => path.join(),
      minLength: 1,
      maxLength: 60,
    }),
  )
  .map((paths) => ({ paths, levels: paths[0].length, codes: Uint16Array.from(paths.flat()) }))

describe('trie', () => {
  test('of four items, by hand', () => {
    const trie = buildTrie(Uint16Array.of(2, 1, 0, 3, 2, 0, 0, 1), 2, 4)
    expect([...trie.levelStart]).toEqual([0, 1, 3, 7])
    expect([...trie.start]).toEqual([0, 2, 4, 6, 6, 6, 6, 6])
    expect([...trie.token]).toEqual([0, 2, 1, 3, 0, 1])
    expect([...trie.child]).toEqual([1, 2, 3, 4, 5, 6])
    expect([...trie.leafItem]).toEqual([3, 1, 2, 0])
    expect(trie.maxChildren).toEqual([2, 2])
  })

  test('has the paths of the items and no others', () => {
    fc.assert(
      fc.property(arbitraryPaths, fc.array(fc.nat(5), { maxLength: 5 }), ({ paths, levels, codes }, other) => {
        const trie = buildTrie(codes, levels, paths.length)
        paths.forEach((path, item) => {
          expect(itemOfPath(trie, path)).toBe(item)
        })
        const known = paths.findIndex((path) => path.join() === other.join())
        expect(itemOfPath(trie, other)).toBe(known < 0 ? undefined : known)
        const isPrefix = paths.some((path) => path.slice(0, other.length).join() === other.join())
        expect(findNode(trie, other) !== undefined).toBe(isPrefix)
        expect([...trie.leafItem].sort((a, b) => a - b)).toEqual(paths.map((_, item) => item))
      }),
    )
  })

  test('is in order: tokens ascend below a node, every node but the root is the child of one entry', () => {
    fc.assert(
      fc.property(arbitraryPaths, ({ paths, levels, codes }) => {
        const trie = buildTrie(codes, levels, paths.length)
        for (let node = 0; node < trie.nodeCount; node++) {
          const tokens = [...trie.token.subarray(trie.start[node], trie.start[node + 1])]
          expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
        }
        expect(new Set(trie.child).size).toBe(trie.nodeCount - 1)
        expect(trie.start[trie.nodeCount]).toBe(trie.nodeCount - 1)
        trie.maxChildren.forEach((most, level) => {
          const counts: number[] = []
          for (let node = trie.levelStart[level]; node < trie.levelStart[level + 1]; node++) {
            counts.push(trie.start[node + 1] - trie.start[node])
          }
          expect(most).toBe(Math.max(...counts))
        })
      }),
    )
  })

  test('marks the children below which an eligible item lies', () => {
    fc.assert(
      fc.property(arbitraryPaths, fc.func(fc.boolean()), ({ paths, levels, codes }, isEligible) => {
        const trie = buildTrie(codes, levels, paths.length)
        const mask = eligibleChildren(trie, isEligible)
        const reachable = new Set<string>()
        paths.forEach((path, item) => {
          if (isEligible(item))
            for (let length = 1; length <= levels; length++) reachable.add(path.slice(0, length).join())
        })
        const prefixes = new Set(paths.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join())))
        for (const prefix of prefixes) {
          const node = findNode(trie, prefix.split(',').map(Number)) ?? 0
          expect(mask[trie.child.indexOf(node)]).toBe(reachable.has(prefix) ? 1 : 0)
        }
      }),
    )
  })

  test('of no items is a root alone', () => {
    const trie = buildTrie(new Uint16Array(0), 3, 0)
    expect(trie.nodeCount).toBe(1)
    expect(itemOfPath(trie, [0, 0, 0])).toBeUndefined()
  })

  test('refuses equal paths, naming the items', () => {
    expect(() => buildTrie(Uint16Array.of(1, 2, 3, 4, 1, 2), 2, 3)).toThrow('Items 0 and 2 have the same codes 1-2')
    expect(() => buildTrie(new Uint16Array(3), 2, 2)).toThrow(/2 items of 2 levels need 4/)
  })
})
