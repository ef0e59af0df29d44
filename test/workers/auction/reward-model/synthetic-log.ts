// A log of lists whose truth is known: a user likes one group of items, slots fade, and an entry tires of entries of its
// own group before it.

import type { CodedTable, RewardData } from '../../../../workers/auction/reward-model/data.ts'
import { type RewardShape, rewardDefaults } from '../../../../workers/auction/reward-model/shape.ts'
import { type Requests, requestParts } from '../../../../workers/data/market/market.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const groups = 4
const itemsOfGroup = 10
export const itemCount = groups * itemsOfGroup
const creativesOfItem = 2

export const groupOf = (item: number): number => Math.floor(item / itemsOfGroup)
/** The first creative of an item is the good one. */
const isGood = (creative: number): boolean => creative % creativesOfItem === 0

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** Probability of a click on the entry of a slot, given the list so far. */
export const clickProbability = (taste: number, items: ArrayLike<number>, slot: number): number => {
  const group = groupOf(items[slot])
  const before = Array.from(items).slice(0, slot)
  const repeats = before.filter((item) => groupOf(item) === group).length
  return logistic(-0.6 + 2 * Number(group === taste) - 0.5 * slot - 0.8 * repeats)
}

const items: CodedTable = {
  count: itemCount,
  levels: 2,
  codes: Uint16Array.from({ length: 2 * itemCount }, (_, at) =>
    at % 2 === 0 ? groupOf(at >> 1) : (at >> 1) % itemsOfGroup,
  ),
  featureDimensions: 2,
  features: Float32Array.from({ length: 2 * itemCount }, (_, at) => new Random('feature', at).normal()),
}

const creatives: CodedTable = {
  count: creativesOfItem * itemCount,
  levels: 1,
  codes: Uint16Array.from({ length: creativesOfItem * itemCount }, (_, creative) => Number(isGood(creative))),
  featureDimensions: 0,
  features: new Float32Array(),
}

export const shapeOf = (changes: Partial<RewardShape> = {}): RewardShape => ({
  ...rewardDefaults,
  hiddenSize: 16,
  heads: 2,
  historyLength: 5,
  listLength: 4,
  itemCodebooks: [groups, itemsOfGroup],
  creativeCodebooks: [2],
  featureDimensions: 2,
  creativeFeatureDimensions: 0,
  towers: [24, 8],
  conversions: true,
  ...changes,
})

/** A user a request, every fifth list one short, parts 4 : 1 : 1. */
export const syntheticLog = (count: number, seed = 1): RewardData & { requests: Requests } => {
  const random = new Random(seed, 'log')
  const events: number[] = []
  const offsets = [0]
  const user: number[] = []
  const historyEnd: number[] = []
  const part: number[] = []
  const exposed = {
    offsets: [0],
    item: [] as number[],
    ad: [] as number[],
    creative: [] as number[],
    click: [] as number[],
    creativeClick: [] as number[],
    conversion: [] as number[],
  }
  for (let request = 0; request < count; request++) {
    const taste = random.below(groups)
    const length = 2 + random.below(5)
    for (let step = 0; step < length; step++) events.push(taste * itemsOfGroup + random.below(itemsOfGroup))
    offsets.push(events.length)
    user.push(request)
    historyEnd.push(length)
    part.push([requestParts.validation, requestParts.test][request % 6] ?? requestParts.train)
    const list = Array.from({ length: request % 5 === 0 ? 3 : 4 }, () => random.below(itemCount))
    for (const [slot, item] of list.entries()) {
      const isAd = slot % 2 === 1
      const creative = isAd ? item * creativesOfItem + random.below(creativesOfItem) : -1
      const clicked = random.uniform() < clickProbability(taste, list, slot)
      exposed.item.push(item)
      exposed.ad.push(isAd ? item : -1)
      exposed.creative.push(creative)
      exposed.click.push(Number(clicked))
      exposed.creativeClick.push(Number(clicked && creative >= 0 && (isGood(creative) || random.uniform() < 0.2)))
      exposed.conversion.push(Number(clicked && random.uniform() < 0.3))
    }
    exposed.offsets.push(exposed.item.length)
  }
  return {
    items,
    creatives,
    sequences: { events: Uint32Array.from(events), offsets: Uint32Array.from(offsets) },
    requests: {
      count,
      ids: Array.from({ length: count }, (_, request) => `request-${request}`),
      user: Uint32Array.from(user),
      historyEnd: Uint32Array.from(historyEnd),
      part: Uint8Array.from(part),
      exposed: {
        offsets: Uint32Array.from(exposed.offsets),
        item: Uint32Array.from(exposed.item),
        ad: Int32Array.from(exposed.ad),
        creative: Int32Array.from(exposed.creative),
        click: Uint8Array.from(exposed.click),
        creativeClick: Uint8Array.from(exposed.creativeClick),
        conversion: Uint8Array.from(exposed.conversion),
      },
    },
  }
}
