import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  creativesOfEvents,
  historyCreatives,
  type TellingRequests,
} from '../../../../workers/data/market/event-creatives.ts'
import { type Market, noUser, requestParts } from '../../../../workers/data/market/market.ts'

interface Click {
  readonly item: number
  readonly creative: number
  readonly click?: 0 | 1
}
interface View {
  readonly user: number
  readonly historyEnd: number
  readonly part?: keyof typeof requestParts
  readonly shown: readonly Click[]
}

const logOf = (views: readonly View[]): Pick<Market, 'requests'> => {
  const shown = views.flatMap((view) => view.shown)
  let end = 0
  return {
    requests: {
      count: views.length,
      ids: views.map((_, index) => `r${index}`),
      user: Uint32Array.from(views, ({ user }) => user),
      historyEnd: Uint32Array.from(views, ({ historyEnd }) => historyEnd),
      part: Uint8Array.from(views, ({ part = 'train' }) => requestParts[part]),
      exposed: {
        offsets: Uint32Array.of(0, ...views.map((view) => (end += view.shown.length))),
        item: Uint32Array.from(shown, ({ item }) => item),
        ad: new Int32Array(shown.length).fill(-1),
        creative: Int32Array.from(shown, ({ creative }) => creative),
        click: Uint8Array.from(shown, ({ click = 1 }) => click),
      },
    },
  }
}

/** Two users: events 1 2 3 4 5 and 6 7. */
const sequences = { events: Uint32Array.of(1, 2, 3, 4, 5, 6, 7), offsets: Uint32Array.of(0, 5, 7) }
const told = (views: readonly View[], telling: TellingRequests = 'Every') => {
  const creatives = creativesOfEvents(sequences, logOf(views), telling)
  return creatives && [...creatives]
}

describe('the creative of an event', () => {
  const views: View[] = [
    {
      user: 0,
      historyEnd: 2,
      shown: [
        { item: 4, creative: 41, click: 0 },
        { item: 3, creative: 30 },
      ],
    },
    { user: 1, historyEnd: 1, shown: [{ item: 7, creative: 70 }] },
    { user: 0, historyEnd: 4, part: 'test', shown: [{ item: 5, creative: 50 }] },
    { user: noUser, historyEnd: 0, shown: [{ item: 1, creative: 10 }] },
  ]

  test('is that of the click which made it, as requests of every part tell or those of training alone', () => {
    expect(told(views)).toEqual([-1, -1, 30, -1, 50, -1, 70])
    expect(told(views, 'Training')).toEqual([-1, -1, 30, -1, -1, -1, 70])
  })

  test('is not told by a click on what the user had taken already, nor without one of a creative', () => {
    const again = { user: 0, historyEnd: 2, shown: [{ item: 2, creative: 20 }] }
    expect(told([again, ...views])).toEqual(told(views))
    expect(told([again])).toBeUndefined()
    expect(told([{ user: 0, historyEnd: 0, shown: [{ item: 1, creative: -1 }] }])).toBeUndefined()
    expect(creativesOfEvents(sequences, {}, 'Every')).toBeUndefined()
  })

  test('is read by user as far as asked, and of nobody who is not known', () => {
    const creatives = Int32Array.from({ length: 7 }, (_, event) => 10 * event)
    expect(historyCreatives(creatives, sequences.offsets, 1, 1)).toEqual({ historyCreatives: Int32Array.of(50) })
    expect(historyCreatives(creatives, sequences.offsets, noUser, 0)).toEqual({})
    expect(historyCreatives(undefined, sequences.offsets, 0, 3)).toEqual({})
  })
})

describe('of what comes before a request', () => {
  const items = 4
  const length = 6
  const user = fc.array(fc.nat(items - 1), { minLength: length, maxLength: length })
  const view = fc.record({
    user: fc.nat(1),
    historyEnd: fc.nat(length),
    shown: fc.array(
      fc.record({ item: fc.nat(items - 1), creative: fc.nat(99), click: fc.constantFrom<(0 | 1)[]>(0, 1) }),
      { maxLength: 3 },
    ),
  })
  const world = fc.record({ sequences: fc.tuple(user, user), views: fc.array(view, { minLength: 1, maxLength: 12 }) })
  const datasetOf = (both: readonly number[][]) => ({
    events: Uint32Array.from(both.flat()),
    offsets: Uint32Array.of(0, length, 2 * length),
  })
  const knownAt = (
    dataset: ReturnType<typeof datasetOf>,
    views: readonly View[],
    { user, historyEnd }: View,
    telling: TellingRequests = 'Every',
  ) => {
    const creatives = creativesOfEvents(dataset, logOf(views), telling)
    const known = historyCreatives(creatives, dataset.offsets, user, historyEnd)
    return known.historyCreatives ?? new Int32Array(historyEnd).fill(-1)
  }

  test('neither its own clicks tell nor those of any request at its place or later', () => {
    fc.assert(
      fc.property(world, ({ sequences, views }) => {
        const dataset = datasetOf(sequences)
        for (const of of views) {
          const earlier = views.filter(({ user, historyEnd }) => user === of.user && historyEnd < of.historyEnd)
          expect(knownAt(dataset, views, of)).toEqual(knownAt(dataset, earlier, of))
        }
      }),
    )
  })

  test('requests of every part tell one of training what those of training tell', () => {
    const cuts = { validation: 3, test: 5 }
    const partOf = (historyEnd: number) =>
      historyEnd < cuts.validation ? 'train' : historyEnd < cuts.test ? 'validation' : 'test'
    fc.assert(
      fc.property(world, ({ sequences, views }) => {
        const dataset = datasetOf(sequences)
        const parted = views.map((each) => ({ ...each, part: partOf(each.historyEnd) }) as const)
        for (const of of parted.filter(({ part }) => part === 'train'))
          expect(knownAt(dataset, parted, of, 'Training')).toEqual(knownAt(dataset, parted, of))
      }),
    )
  })
})
