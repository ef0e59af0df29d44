import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unconstrained } from '../../../../workers/auction/auction.ts'
import type { TokenBidding } from '../../../../workers/auction/token-bids.ts'
import { searchTensors } from '../../../../workers/decoding/auction/bid-tensors.ts'
import {
  type Capacity,
  candidateTensors,
  prepareRequest,
  requestInputs,
} from '../../../../workers/decoding/auction/request-tensors.ts'
import { generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { type CandidateLevel, itemHead } from '../../../../workers/ranker/ega/item-head.ts'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, Session } from '../../../../workers/tensor/session.ts'
import { plainLogZ } from './plain-item-head.ts'
import { roughParameters, smallCatalogue, smallShape } from './small-generator.ts'

const itemCount = 40
const catalogue = smallCatalogue(itemCount).items
const shape = smallShape(itemCount)
const parameters = roughParameters(shape)
const capacity: Capacity = { slots: 1, columns: 12, entries: [6, 12, 12] }
const bidding: TokenBidding = { alpha: 1.2, beta: 2, aggregate: 'Max', scope: 'Prefix' }

const graphOfHead = (bySiblings: boolean): Graph => {
  const graph = new Graph()
  const levels = capacity.entries.map(
    (size, level): CandidateLevel => ({
      entry: graph.input(requestInputs.entry(level), 'int32', [1, size]),
      parent: level === 0 ? undefined : graph.input(requestInputs.parent(level), 'int32', [1, size]),
      logWeight: graph.input(requestInputs.logWeight(level), 'float32', [1, size]),
      ...(level === 0 || !bySiblings
        ? {}
        : {
            siblings: {
              place: graph.input(requestInputs.siblings(level), 'int32', [1, `M${level}`]),
              family: graph.input(requestInputs.family(level), 'int32', [1, `M${level}`]),
            },
          }),
    }),
  )
  const tables = {
    token: graph.constant('int32', [catalogue.tokens.length], catalogue.tokens),
    content: graph.constant('float32', [catalogue.tokens.length, shape.contentDimensions], catalogue.content),
  }
  const head = itemHead(constantParameters(graph, parameters, generatorLayout(shape)), shape, tables, levels)
  graph.output('logZ', head(graph.input('states', 'float32', [1, 1, shape.hiddenSize])))
  return graph
}

let session: Session
let plainSession: Session
beforeAll(async () => {
  session = await Session.create(writeModel(graphOfHead(true)), { threads: 1 })
  plainSession = await Session.create(writeModel(graphOfHead(false)), { threads: 1 })
})
afterAll(() => Promise.all([session.release(), plainSession.release()]))

interface Case {
  readonly items: readonly number[]
  /** Of the first items, which are the ads. */
  readonly bids: readonly number[]
  readonly state: Float32Array
}

async function logZ({ items, bids, state }: Case, by: TokenBidding | 'None'): Promise<number[]> {
  const request = {
    history: new Uint32Array(),
    ads: Uint32Array.from(items.slice(0, bids.length)),
    bids: Float64Array.from(bids),
    advertisers: new Uint32Array(bids.length),
    organic: Uint32Array.from(items.slice(bids.length)),
    slots: 1,
    constraints: unconstrained,
  }
  const prepared = [prepareRequest(request, catalogue)]
  const rows = [{ request: 0, bids: request.bids }]
  const tensors = {
    ...candidateTensors(prepared, capacity),
    ...searchTensors(prepared, rows, capacity, { bidding: by, bidUnit: 1 }, catalogue),
  }
  const levels = Object.entries(tensors).filter(([name]) => /^(level|siblings)\./.test(name))
  const asked = { ...Object.fromEntries(levels), states: float32([1, 1, shape.hiddenSize], state) }
  const outputs = await session.run(asked)
  const found = Array.from(outputs.logZ.data as Float32Array).slice(0, items.length)
  // With every entry scored, as training does, the same.
  const scored = Object.fromEntries(Object.entries(asked).filter(([name]) => !name.startsWith('siblings.')))
  const plain = await plainSession.run(scored)
  closeTo(found, Array.from(plain.logZ.data as Float32Array), 1e-5)
  return found
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    items: fc.uniqueArray(fc.nat(itemCount - 1), { minLength: 2, maxLength: 11 }),
    bids: fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 11 }),
    seed: fc.nat(1000),
  })
  .map(({ items, bids, seed }) => {
    const random = new Random(seed, 'state')
    return {
      items,
      bids: bids.slice(0, items.length),
      state: Float32Array.from({ length: shape.hiddenSize }, () => random.normal()),
    }
  })

const biddings: readonly (TokenBidding | 'None')[] = [
  'None',
  bidding,
  { ...bidding, aggregate: 'Average' },
  { ...bidding, scope: 'Unconditional' },
  { ...bidding, scope: 'Unconditional', aggregate: 'Average', beta: 0.1 },
]

const closeTo = (actual: readonly number[], expected: readonly number[], tolerance: number): void => {
  for (const [index, value] of actual.entries())
    expect(Math.abs(value - expected[index]), `candidate ${index}`).toBeLessThan(tolerance * Math.max(1, -value))
}

describe('log z of the candidates of a request', () => {
  test('are those of Eq. 22 in plain loops, however bids are made into weights', async () => {
    const property = fc.asyncProperty(cases, fc.constantFrom(...biddings), async (each, by) => {
      const expected = plainLogZ({ shape, catalogue, parameters }, each.state, each.items, each.bids, by)
      closeTo(await logZ(each, by), expected, 1e-5)
    })
    await fc.assert(property, { numRuns: 25 })
  })

  test('are logarithms of shares that sum to 1 over the candidates', async () => {
    const property = fc.asyncProperty(cases, fc.constantFrom(...biddings), async (each, by) => {
      const shares = (await logZ(each, by)).map(Math.exp)
      expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 5)
    })
    await fc.assert(property, { numRuns: 40 })
  })

  test('do not depend on what is bid where alpha is 0, but for bidding at all', async () => {
    const property = fc.asyncProperty(cases, fc.double({ min: 0.1, max: 9, noNaN: true }), async (each, factor) => {
      const by = { ...bidding, alpha: 0 }
      const bids = each.bids.map((bid) => bid + 0.01)
      const scaled = bids.map((bid, ad) => bid * factor ** ad)
      closeTo(await logZ({ ...each, bids: scaled }, by), await logZ({ ...each, bids }, by), 1e-6)
    })
    await fc.assert(property, { numRuns: 20 })
  })

  test('become those of the logits alone as beta grows', async () => {
    const property = fc.asyncProperty(cases, async (each) => {
      closeTo(await logZ(each, { ...bidding, beta: 1e7 }), await logZ(each, 'None'), 1e-4)
    })
    await fc.assert(property, { numRuns: 20 })
  })

  test('never fall for an ad that raises its bid', async () => {
    const property = fc.asyncProperty(
      cases,
      fc.constantFrom(...biddings),
      fc.double({ min: 0, max: 30, noNaN: true }),
      fc.nat(),
      async (each, by, more, pick) => {
        const ad = pick % each.bids.length
        const raised = each.bids.map((bid, index) => (index === ad ? bid + more : bid))
        const before = (await logZ(each, by))[ad]
        const after = (await logZ({ ...each, bids: raised }, by))[ad]
        expect(after).toBeGreaterThanOrEqual(before - 1e-5 * Math.max(1, -before))
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  test('have no share for an organic item without a weight, and stay finite', async () => {
    const each = { items: [1, 2, 3], bids: [4], state: new Float32Array(shape.hiddenSize).fill(0.5) }
    const [ad, ...organic] = await logZ(each, { ...bidding, beta: 0 })
    expect(ad).toBeCloseTo(0, 5)
    for (const value of organic) {
      expect(value).toBeLessThan(-15)
      expect(Number.isFinite(value)).toBe(true)
    }
  })
})
