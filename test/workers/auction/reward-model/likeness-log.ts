// A log where users click what is like the items that they took, and validation shows items that training never did.

import type { CodedTable, RewardData } from '../../../../workers/auction/reward-model/data.ts'
import { type Requests, requestParts } from '../../../../workers/data/market/market.ts'
import { Random } from '../../../../workers/tensor/random.ts'

const itemCount = 400
const featureDimensions = 16
const slots = 4
const codes = 8

const items: CodedTable = {
  count: itemCount,
  levels: 1,
  codes: Uint16Array.from({ length: itemCount }, (_, item) => item % codes),
  featureDimensions,
  features: Float32Array.from({ length: itemCount * featureDimensions }, (_, at) => new Random('like', at).normal()),
}

const likeness = (one: number, other: number): number => {
  let [product, squares, others] = [0, 0, 0]
  for (let at = 0; at < featureDimensions; at++) {
    const a = items.features[one * featureDimensions + at]
    const b = items.features[other * featureDimensions + at]
    product += a * b
    squares += a * a
    others += b * b
  }
  return product / Math.sqrt(squares * others)
}

/** Lists of organic items, one a user: two thirds of training, of even items, the others of validation, of odd ones. */
export const likenessLog = (count: number): RewardData & { requests: Requests; sizes: object } => {
  const random = new Random('likeness log')
  const events: number[] = []
  const item: number[] = []
  const click: number[] = []
  for (let request = 0; request < count; request++) {
    const history = [random.below(itemCount), random.below(itemCount)]
    events.push(...history)
    for (let slot = 0; slot < slots; slot++) {
      const shown = 2 * random.below(itemCount / 2) + Number(request % 3 === 2)
      const mean = history.reduce((sum, taken) => sum + likeness(shown, taken) / history.length, 0)
      item.push(shown)
      click.push(Number(random.uniform() < 1 / (1 + Math.exp(1 - 7 * mean))))
    }
  }
  const every = (step: number) => Uint32Array.from({ length: count + 1 }, (_, request) => request * step)
  return {
    items,
    sizes: { itemCodebooks: [codes], featureDimensions, listLength: slots },
    sequences: { events: Uint32Array.from(events), offsets: every(2) },
    requests: {
      count,
      ids: Array.from({ length: count }, (_, request) => `request-${request}`),
      user: Uint32Array.from({ length: count }, (_, request) => request),
      historyEnd: new Uint32Array(count).fill(2),
      part: Uint8Array.from({ length: count }, (_, request) =>
        request % 3 === 2 ? requestParts.validation : requestParts.train,
      ),
      exposed: {
        offsets: every(slots),
        item: Uint32Array.from(item),
        ad: new Int32Array(item.length).fill(-1),
        creative: new Int32Array(item.length).fill(-1),
        click: Uint8Array.from(click),
      },
    },
  }
}
