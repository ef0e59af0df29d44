import { describe, expect, it } from 'vitest'
import { listEntries, maxSkippedListed, resolveRequest } from '../../../workers/serving/resolve-request.ts'

const itemIds = ['a', 'b', 'c', 'd']
const lookup = {
  findItem: (id: string) => {
    const index = itemIds.indexOf(id)
    return index < 0 ? undefined : index
  },
  historyOf: (user: string) => (user === 'anna' ? Uint32Array.of(3, 1) : undefined),
}
const resolve = (request: Parameters<typeof resolveRequest>[0], beamSize = 50) =>
  resolveRequest(request, lookup, { beamSize, wholeBeam: false })

describe('a request', () => {
  it('of nobody is decoded from an empty history over the whole catalogue', () => {
    expect(resolve({})).toEqual({
      decode: { history: new Uint32Array(0), excluded: new Uint32Array(0), count: 10 },
      slots: 10,
      skipped: [],
    })
  })

  it('asks for as many items as the beam can give when it names no length', () => {
    expect(resolve({}, 3).decode.count).toBe(3)
    expect(resolve({ slots: 2 }, 3).decode.count).toBe(2)
  })

  it('has the whole beam decoded where its list is chosen from it', () => {
    const { decode, slots } = resolveRequest({ slots: 2 }, lookup, { beamSize: 7, wholeBeam: true })
    expect([decode.count, slots]).toEqual([7, 2])
  })

  it('of a known user has the history of the snapshot, unless it brings its own', () => {
    expect(resolve({ user: { id: 'anna' } }).decode.history).toEqual(Uint32Array.of(3, 1))
    expect(resolve({ user: { id: 'anna', history: ['c'] } }).decode.history).toEqual(Uint32Array.of(2))
    expect(resolve({ user: { id: 'anna', history: [] } }).decode.history).toEqual(new Uint32Array(0))
  })

  it('of an unknown user is that of an anonymous one, and says so', () => {
    const { decode, skipped } = resolve({ user: { id: 'bob' } })
    expect(decode.history).toHaveLength(0)
    expect(skipped).toEqual([{ id: 'bob', reason: 'UnknownUser' }])
  })

  it('keeps repetitions in the history and names those among candidates', () => {
    const { decode, skipped } = resolve({
      user: { history: ['b', 'x', 'b'] },
      candidates: { organic: ['d', 'y', 'd', 'a'] },
    })
    expect(decode.history).toEqual(Uint32Array.of(1, 1))
    expect(decode.candidates).toEqual(Uint32Array.of(3, 0))
    expect(skipped).toEqual([
      { id: 'x', reason: 'UnknownItem' },
      { id: 'y', reason: 'UnknownItem' },
      { id: 'd', reason: 'Duplicate' },
    ])
  })

  it('may not get what it has seen, unless it says that it may', () => {
    expect(resolve({ user: { history: ['b'] } }).decode.excluded).toEqual(Uint32Array.of(1))
    expect(resolve({ user: { history: ['b'] }, includeSeen: true }).decode.excluded).toBeUndefined()
  })

  it('lists no more than some of what was skipped', () => {
    const { skipped } = resolve({ user: { history: Array.from({ length: 500 }, (_, index) => `unknown-${index}`) } })
    expect(skipped).toHaveLength(maxSkippedListed)
  })
})

it('entries count from 1 and carry ids', () => {
  expect(listEntries({ items: Uint32Array.of(2, 0), scores: Float32Array.of(-1, -2) }, itemIds)).toEqual([
    { position: 1, item: 'c', score: -1 },
    { position: 2, item: 'a', score: -2 },
  ])
})
