import { describe, expect, test } from 'vitest'
import {
  type BestResponses,
  noResponses,
  respond,
  withMultipliers,
} from '../../../../workers/evaluation/market/best-response.ts'
import { modelJudge } from '../../../../workers/evaluation/market/judge.ts'
import { auctionOf, firstPrice, flat, gsp, type Pricing, positionMechanism, vcg } from './position-auction.ts'

const grid = [0.2, 0.4, 0.6, 0.8, 1]

async function settle(pricing: Pricing, requests = [auctionOf([10, 8, 1])], rounds = 10): Promise<BestResponses> {
  const mechanism = positionMechanism(flat([1, 0.5]), pricing)
  let responses = noResponses
  while (responses.rounds < rounds && responses.moved > 0)
    responses = await respond(mechanism, modelJudge, requests, responses, { grid, rounds })
  return responses
}

describe('advertisers', () => {
  test('stay truthful under VCG', async () => {
    expect(await settle(vcg)).toEqual({ multipliers: new Map(), rounds: 1, moved: 0 })
  })

  test('shade their bids where that pays: in GSP the first takes the cheaper second slot', async () => {
    const { multipliers, moved } = await settle(gsp)
    expect(moved).toBe(0)
    const [request] = withMultipliers([auctionOf([10, 8, 1])], multipliers, grid)
    expect(request.auction.bids[0]).toBeLessThan(8)
    expect([...request.values]).toEqual([10, 8, 1])
  })

  test('leave a gain alone that is less than what they move for', async () => {
    const gains = async (leastGain: number) => {
      const mechanism = positionMechanism(flat([1, 0.5]), gsp)
      const found = await respond(mechanism, modelJudge, [auctionOf([10, 8, 1])], noResponses, {
        ...{ grid, rounds: 1, leastGain },
      })
      return found.multipliers.size
    }
    // The first has 2 in the first slot, which costs 8, and half of 9 in the second: 125 % more.
    expect(await gains(1.2)).toBe(1)
    expect(await gains(1.3)).toBe(0)
  })

  test('may chase each other in a first price auction: the rounds end it, and what moved last is told', async () => {
    const { multipliers, moved, rounds } = await settle(firstPrice, undefined, 6)
    expect(rounds).toBe(6)
    expect(moved).toBeGreaterThan(0)
    for (const advertiser of [0, 1]) expect(multipliers.get(advertiser)).toBeLessThan(1)
  })

  test('have one multiplier for all their ads and requests', async () => {
    const advertisers = Uint32Array.of(0, 1, 0)
    const requests = [auctionOf([10, 8, 1], { advertisers }, 0), auctionOf([6, 5, 2], { advertisers }, 1)]
    const { multipliers } = await settle(firstPrice, requests)
    for (const { auction, values } of withMultipliers(requests, multipliers, grid)) {
      expect(auction.bids[0] / values[0]).toBeCloseTo(auction.bids[2] / values[2], 12)
    }
  })

  test('begin next to the truth, whatever the grid', () => {
    const [request] = withMultipliers([auctionOf([10])], new Map(), [0.5, 0.9, 2])
    expect(request.auction.bids[0]).toBe(9)
  })

  test('that won nothing at the highest bid of the grid are not asked', async () => {
    const asked: number[] = []
    const mechanism = positionMechanism(flat([1]), firstPrice)
    const requests = [auctionOf([10, 3, 2, 1])]
    await respond(
      mechanism,
      modelJudge,
      requests,
      noResponses,
      { grid, rounds: 1 },
      async (done) => void asked.push(done),
    )
    expect(asked).toEqual([1])
  })
})
