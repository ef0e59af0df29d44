/** Which items are ads, of whom, and in which creatives every item can be shown. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'
import type { Dataset } from '../../dataset-reader.ts'
import type { Categories } from './categories.ts'

export interface SponsoredItems {
  /** Item of each ad, ascending. */
  readonly items: Uint32Array
  /** [items], the item's ad or -1. */
  readonly adOf: Int32Array
}

/**
 * A systematic sample over the items in the order of their advertisers, shuffled inside: of n items of an advertiser
 * n x share are ads, rounded up or down, and of all items the share itself.
 */
export function drawSponsored(categories: Categories, { seed, sponsoredPercent }: MarketSimulation): SponsoredItems {
  const { advertiserOf } = categories
  const random = new Random(seed, 'sponsored')
  const place = random.permutation(advertiserOf.length)
  const order = Uint32Array.from(advertiserOf, (_, item) => item).sort(
    (a, b) => advertiserOf[a] - advertiserOf[b] || place[a] - place[b],
  )
  const start = random.uniform()
  const upTo = (count: number): number => Math.floor((count * sponsoredPercent) / 100 + start)
  const items = order.filter((_, index) => upTo(index + 1) > upTo(index)).sort((a, b) => a - b)
  const adOf = new Int32Array(advertiserOf.length).fill(-1)
  items.forEach((item, ad) => {
    adOf[item] = ad
  })
  return { items, adOf }
}

export interface DrawnCreatives {
  readonly ids: readonly string[]
  /** [creatives], those of an item next to each other, creativesPerItem each. */
  readonly item: Uint32Array
  readonly text: readonly string[]
  /** [creatives], hidden. */
  readonly style: Uint8Array
}

interface Wording {
  words: readonly string[]
  brand: string
  root: string
  leaf: string
}

/** Each style has words of its own, as a picture has a look of its own. */
const styles: readonly ((wording: Wording) => string)[] = [
  ({ words }) => words.slice(0, 12).join(' '),
  ({ brand, root }) => `${brand} ${root} collection`,
  ({ leaf, words }) => `best in ${leaf}: ${words.slice(0, 3).join(' ')}`,
  ({ words }) => `new ${words.slice(0, 2).join(' ')} now`,
]

/** Every item in every style, in an order that tells nothing. */
export function drawCreatives(
  dataset: Pick<Dataset, 'itemCount' | 'itemIds' | 'itemText' | 'itemAttributes'>,
  categories: Categories,
  { seed, creativesPerItem }: MarketSimulation,
): DrawnCreatives {
  const random = new Random(seed, 'creatives')
  const count = dataset.itemCount * creativesPerItem
  const drawn = {
    ids: [] as string[],
    item: new Uint32Array(count),
    text: [] as string[],
    style: new Uint8Array(count),
  }
  for (let item = 0; item < dataset.itemCount; item++) {
    const wording = wordingOf(dataset, categories, item)
    const order = random.permutation(creativesPerItem)
    order.forEach((style, index) => {
      const creative = item * creativesPerItem + index
      drawn.ids.push(`${dataset.itemIds[item]}/${index}`)
      drawn.text.push(styles[style](wording).replace(/\s+/g, ' ').trim())
      drawn.item[creative] = item
      drawn.style[creative] = style
    })
  }
  return drawn
}

function wordingOf(
  dataset: Pick<Dataset, 'itemText' | 'itemAttributes'>,
  categories: Categories,
  item: number,
): Wording {
  const names = dataset.itemAttributes(item)
  const root = categories.roots[categories.rootOf[item]] ?? ''
  const words = dataset.itemText(item).split(/\s+/).filter(Boolean)
  return {
    words: words.length > 0 ? words : ['untitled'],
    brand: names[0] === root ? '' : (names[0] ?? ''),
    root,
    leaf: names.at(-1) ?? 'all',
  }
}
