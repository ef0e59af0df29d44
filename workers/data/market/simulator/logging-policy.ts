/** How the lists of the log were chosen: at random, so that what other policies would have earned can be estimated. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import type { Random } from '../../../tensor/random.ts'

export interface LoggedList {
  /** Place among the eligible ads, -1 for an organic entry. */
  readonly ad: number[]
  /** Place among the organic items, -1 for an ad. */
  readonly organic: number[]
  /** Probability of the entry in its slot, given those before it. */
  readonly propensity: number[]
}

export interface Choice {
  /** [ads], bid x estimated affinity; above 0. */
  readonly worth: readonly number[]
  /** Organic items, in their fixed order. */
  readonly organicCount: number
}

/**
 * Slot after slot: an ad with probability adPercent (surely, where no organic item is left, and the other way round),
 * drawn among those that are left by worth^(1 / temperature), or evenly with probability explorationPercent
 * (Plackett-Luce with exploration); otherwise the next organic item.
 */
export function logList(
  { worth, organicCount }: Choice,
  { slots, loggingPolicy }: Pick<MarketSimulation, 'slots' | 'loggingPolicy'>,
  random: Random,
): LoggedList {
  const exploration = loggingPolicy.explorationPercent / 100
  const weights = sharpened(worth, Number(loggingPolicy.temperature))
  const isLeft = new Uint8Array(worth.length).fill(1)
  const list = { ad: [] as number[], organic: [] as number[], propensity: [] as number[] }
  let adsLeft = worth.length
  let organicShown = 0
  for (let slot = 0; slot < slots && adsLeft + organicCount - organicShown > 0; slot++) {
    const adShare = organicShown === organicCount ? 1 : adsLeft === 0 ? 0 : loggingPolicy.adPercent / 100
    if (random.uniform() >= adShare) {
      list.ad.push(-1)
      list.organic.push(organicShown++)
      list.propensity.push(1 - adShare)
      continue
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    // What is left may weigh nothing where the policy is all but greedy.
    const evenly = total > 0 ? exploration : 1
    const drawn = random.uniform() < evenly ? drawEvenly(isLeft, adsLeft, random) : drawByWeight(weights, total, random)
    const byWeight = total > 0 ? weights[drawn] / total : 0
    list.ad.push(drawn)
    list.organic.push(-1)
    list.propensity.push(adShare * (evenly / adsLeft + (1 - evenly) * byWeight))
    weights[drawn] = 0
    isLeft[drawn] = 0
    adsLeft--
  }
  return list
}

/** worth^(1 / temperature) over the largest, so that no power overflows. */
function sharpened(worth: readonly number[], temperature: number): Float64Array {
  const most = worth.reduce((largest, value) => Math.max(largest, value), 0)
  return Float64Array.from(worth, (value) => (most > 0 ? (value / most) ** (1 / temperature) : 0))
}

function drawEvenly(isLeft: Uint8Array, count: number, random: Random): number {
  let nth = random.below(count)
  return isLeft.findIndex((left) => left === 1 && nth-- === 0)
}

function drawByWeight(weights: Float64Array, total: number, random: Random): number {
  let rest = random.uniform() * total
  let last = 0
  for (let index = 0; index < weights.length; index++) {
    if (weights[index] === 0) continue
    last = index
    rest -= weights[index]
    if (rest < 0) return index
  }
  // Rounding of the sums left a crumb.
  return last
}
