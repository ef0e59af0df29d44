// Revenue and regret of a learned mechanism on fresh profiles: a grid over all reports of a bidder, then gradient ascent
// from the best of the grid and from random reports. It shares the mechanism with the training, and nothing else.

import { Random } from '../../tensor/random.ts'
import { gradientSearch } from '../regret/gradient-search.ts'
import { publishedMultipliers } from '../regret/misreports.ts'
import type { LearnedMechanism, ReportQuestions } from './mechanism.ts'

export interface LearnedAuditOptions {
  readonly profiles: number
  readonly seed: number
  /** Points of the grid along each item, from 0 to 1. */
  readonly grid: number
  /** Best points of grid and multiples from which gradients climb. */
  readonly best: number
  /** Random reports from which gradients climb. */
  readonly random: number
  /** Of Adam, from `rate`. */
  readonly steps: number
  readonly rate: number
}

export interface LearnedAudit {
  /** Values of the audited profiles, [profiles, bidders, items]. */
  readonly profiles: Float32Array
  /** Of each profile: payments of all bidders. */
  readonly revenue: Float64Array
  /** Of each profile: mean over the bidders of the most that one found by another report. */
  readonly regret: Float64Array
  /** The same, when only multiples of the values are tried that lie within the support, the published ten. */
  readonly publishedRegret: Float64Array
  /** Most that any bidder of any profile found. */
  readonly maxRegret: number
  /** Mean regret of each bidder. */
  readonly byBidder: Float64Array
  /** Bidders of profiles whose truthful utility was below 0. */
  readonly irViolations: number
}

interface Pairs {
  readonly count: number
  /** Best utility found, [pairs]. */
  readonly best: Float64Array
}

/** Reports are kept in the support [0, 1] of the values, as in the literature. */
export async function auditLearned(mechanism: LearnedMechanism, options: LearnedAuditOptions): Promise<LearnedAudit> {
  const { bidders, items } = mechanism.network
  const { profiles: count, seed, grid } = options
  const random = new Random(seed, 'audited profiles')
  const profiles = Float32Array.from({ length: count * bidders * items }, () => random.uniform())
  const pairs = { count: count * bidders, best: new Float64Array(count * bidders) }
  const truthful = await utilitiesOf(mechanism, profiles, pairs, 1, (pair) => valuesOf(profiles, pair, items))
  pairs.best.set(truthful)

  const published = new Float64Array(truthful)
  const multiples = (pair: number) =>
    publishedMultipliers.flatMap((factor) =>
      valuesOf(profiles, pair, items).map((value) => Math.min(1, factor * value)),
    )
  raise(published, await utilitiesOf(mechanism, profiles, pairs, publishedMultipliers.length, multiples))
  raise(pairs.best, published)

  const points = gridPoints(grid, items)
  const starts = await searchGrid(mechanism, profiles, pairs, points, options)
  await climb(mechanism, profiles, pairs, starts, options)

  const { payments } = await mechanism.outcomes(profiles)
  const gains = pairs.best.map((best, pair) => best - truthful[pair])
  const perProfile = (of: ArrayLike<number>, scale: number) =>
    Float64Array.from({ length: count }, (_, profile) => {
      let sum = 0
      for (let bidder = 0; bidder < bidders; bidder++) sum += of[profile * bidders + bidder]
      return sum * scale
    })
  return {
    profiles,
    revenue: perProfile(payments, 1),
    regret: perProfile(gains, 1 / bidders),
    publishedRegret: perProfile(
      published.map((best, pair) => best - truthful[pair]),
      1 / bidders,
    ),
    maxRegret: gains.reduce((most, gain) => Math.max(most, gain), 0),
    byBidder: Float64Array.from({ length: bidders }, (_, bidder) => {
      const own = gains.filter((_gain, pair) => pair % bidders === bidder)
      return own.reduce((sum, gain) => sum + gain, 0) / count
    }),
    irViolations: truthful.filter((utility) => utility < -1e-6).length,
  }
}

/** Values of the pair's bidder. A pair is a bidder of a profile, in the order of profiles. */
const valuesOf = (profiles: Float32Array, pair: number, items: number): number[] =>
  Array.from(profiles.subarray(pair * items, (pair + 1) * items))

const raise = (best: Float64Array, found: ArrayLike<number>): void => {
  const perPair = found.length / best.length
  for (let row = 0; row < found.length; row++) {
    const pair = Math.floor(row / perPair)
    if (found[row] > best[pair]) best[pair] = found[row]
  }
}

/** Questions of `perPair` reports for each of the pairs from `first` on. */
const questionsOf = (
  bidders: number,
  first: number,
  pairs: number,
  perPair: number,
  reports: Float32Array,
): ReportQuestions => {
  const pairOf = (row: number) => first + Math.floor(row / perPair)
  return {
    profile: Uint32Array.from({ length: pairs * perPair }, (_, row) => Math.floor(pairOf(row) / bidders)),
    bidder: Uint8Array.from({ length: pairs * perPair }, (_, row) => pairOf(row) % bidders),
    reports,
  }
}

const utilitiesOf = (
  mechanism: LearnedMechanism,
  profiles: Float32Array,
  { count }: Pairs,
  perPair: number,
  reportsOf: (pair: number) => number[],
): Promise<Float32Array> => {
  const reports = Float32Array.from(Array.from({ length: count }, (_, pair) => reportsOf(pair)).flat())
  return mechanism.utilities(profiles, questionsOf(mechanism.network.bidders, 0, count, perPair, reports))
}

/** [points ** items, items], row-major. */
export function gridPoints(points: number, items: number): Float32Array {
  const rows = points ** items
  return Float32Array.from({ length: rows * items }, (_, index) => {
    const row = Math.floor(index / items)
    return (Math.floor(row / points ** (index % items)) % points) / (points - 1)
  })
}

/** Tries the whole grid for every pair, and returns the best points of each, [pairs, best, items]. */
async function searchGrid(
  mechanism: LearnedMechanism,
  profiles: Float32Array,
  pairs: Pairs,
  points: Float32Array,
  { best: kept }: LearnedAuditOptions,
): Promise<Float32Array> {
  const { bidders, items } = mechanism.network
  const perPair = points.length / items
  const starts = new Float32Array(pairs.count * kept * items)
  const together = Math.max(1, Math.floor((4 * mechanism.block) / perPair))
  for (let first = 0; first < pairs.count; first += together) {
    const asked = Math.min(together, pairs.count - first)
    const reports = new Float32Array(asked * points.length)
    for (let pair = 0; pair < asked; pair++) reports.set(points, pair * points.length)
    const found = await mechanism.utilities(profiles, questionsOf(bidders, first, asked, perPair, reports))
    raise(pairs.best.subarray(first, first + asked), found)
    for (let pair = 0; pair < asked; pair++) {
      const utilities = found.subarray(pair * perPair, (pair + 1) * perPair)
      bestPlaces(utilities, kept).forEach((place, rank) => {
        const at = ((first + pair) * kept + rank) * items
        starts.set(points.subarray(place * items, (place + 1) * items), at)
      })
    }
  }
  return starts
}

const bestPlaces = (utilities: Float32Array, count: number): number[] => {
  const places: number[] = []
  for (let rank = 0; rank < count; rank++) {
    let best = -1
    for (let place = 0; place < utilities.length; place++)
      if (!places.includes(place) && (best < 0 || utilities[place] > utilities[best])) best = place
    places.push(best)
  }
  return places
}

/** Gradient ascent from the given starts and from random ones. */
async function climb(
  mechanism: LearnedMechanism,
  profiles: Float32Array,
  pairs: Pairs,
  starts: Float32Array,
  { best, random, steps, rate, seed }: LearnedAuditOptions,
): Promise<void> {
  const { bidders, items } = mechanism.network
  const perPair = best + random
  if (perPair === 0 || steps === 0) return
  const draws = new Random(seed, 'audited misreports')
  const together = Math.max(1, Math.floor(mechanism.block / perPair))
  for (let first = 0; first < pairs.count; first += together) {
    const asked = Math.min(together, pairs.count - first)
    const reports = Float32Array.from({ length: asked * perPair * items }, () => draws.uniform())
    for (let pair = 0; pair < asked; pair++) {
      const own = starts.subarray((first + pair) * best * items, (first + pair + 1) * best * items)
      reports.set(own, pair * perPair * items)
    }
    const questions = questionsOf(bidders, first, asked, perPair, reports)
    const found = await gradientSearch(
      (tried) => mechanism.slopes(profiles, { ...questions, reports: tried }),
      reports,
      { dimensions: items, steps, rate, low: 0, high: 1 },
    )
    raise(pairs.best.subarray(first, first + asked), found.utility)
  }
}
