// Eq. 21 and 22 once more, in plain loops over doubles and from the codes of items alone: the oracle of tries, weights and
// the item head.

import type { TokenBidding } from '../../../../workers/auction/token-bids.ts'
import type { Catalogue } from '../../../../workers/ranker/catalogue.ts'
import { type GeneratorShape, generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'

export interface PlainHead {
  readonly shape: GeneratorShape
  readonly catalogue: Catalogue
  readonly parameters: Float32Array
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length
const dot = (one: ArrayLike<number>, other: ArrayLike<number>): number =>
  Array.from(one).reduce((sum, value, index) => sum + value * other[index], 0)

const normalised = (row: ArrayLike<number>, scale: ArrayLike<number>, bias: ArrayLike<number>): number[] => {
  const values = Array.from(row)
  const centre = mean(values)
  const variance = mean(values.map((value) => (value - centre) ** 2))
  return values.map((value, index) => ((value - centre) / Math.sqrt(variance + 1e-5)) * scale[index] + bias[index])
}

const pathOf = ({ codes, levels }: Catalogue, item: number): number[] =>
  Array.from(codes.subarray(item * levels, (item + 1) * levels))

const startsWith = (path: readonly number[], prefix: readonly number[]): boolean =>
  prefix.every((code, level) => path[level] === code)

/** Mean of the projected features of all items of the catalogue below a prefix. */
const contentBelow = (catalogue: Catalogue, prefix: readonly number[]): number[] => {
  const { itemCount, features, featureDimensions, projection } = catalogue
  const below = Array.from({ length: itemCount }, (_, item) => item).filter((item) =>
    startsWith(pathOf(catalogue, item), prefix),
  )
  return Array.from({ length: projection.dimensions }, (_, column) =>
    mean(
      below.map((item) =>
        dot(
          features.subarray(item * featureDimensions, (item + 1) * featureDimensions),
          Array.from(
            { length: featureDimensions },
            (_each, feature) => projection.directions[feature * projection.dimensions + column],
          ),
        ),
      ),
    ),
  )
}

/** Logit of the last code of a prefix at a state. */
const logit = ({ shape, catalogue, parameters }: PlainHead, state: ArrayLike<number>, prefix: readonly number[]) => {
  const named = unpack(parameters, generatorLayout(shape))
  const of = (name: string): Float32Array => {
    const values = named.get(name)
    if (values === undefined) throw new Error(`no parameter ${name}`)
    return values
  }
  const level = prefix.length - 1
  const code = prefix[level]
  const { hiddenSize, contentDimensions } = shape
  const seen = normalised(state, of(`level.${level}.norm.scale`), of(`level.${level}.norm.bias`))
  const vector = of(`item.code.${level}`).subarray(code * hiddenSize, (code + 1) * hiddenSize)
  const content = contentBelow(catalogue, prefix)
  const mapped = Array.from({ length: hiddenSize }, (_, row) =>
    dot(of(`level.${level}.content`).subarray(row * contentDimensions, (row + 1) * contentDimensions), content),
  )
  return dot(seen, vector) + dot(seen, mapped) + of(`level.${level}.bias`)[code]
}

/** w of the last code of a prefix (Eq. 21); ads are the first candidates. */
const weight = (
  paths: readonly number[][],
  bids: readonly number[],
  bidding: TokenBidding | 'None',
  prefix: readonly number[],
) => {
  if (bidding === 'None') return 1
  const level = prefix.length - 1
  const below = bids.filter((_, ad) =>
    bidding.scope === 'Prefix' ? startsWith(paths[ad], prefix) : paths[ad][level] === prefix[level],
  )
  if (below.length === 0) return bidding.beta
  const bid = bidding.aggregate === 'Max' ? Math.max(...below) : mean(below)
  return (bid > 0 ? bid ** bidding.alpha : 0) + bidding.beta
}

/** log z of each candidate: the product along its path of softmaxes among siblings, weighed by bids. */
export function plainLogZ(
  head: PlainHead,
  state: ArrayLike<number>,
  items: readonly number[],
  bids: readonly number[],
  bidding: TokenBidding | 'None',
): number[] {
  const paths = items.map((item) => pathOf(head.catalogue, item))
  const mass = (prefix: readonly number[]) =>
    weight(paths, bids, bidding, prefix) * Math.exp(logit(head, state, prefix))
  return paths.map((path) =>
    path.reduce((sum, _, level) => {
      const parent = path.slice(0, level)
      const siblings = new Set(paths.filter((each) => startsWith(each, parent)).map((each) => each[level]))
      const whole = [...siblings].reduce((total, code) => total + mass([...parent, code]), 0)
      return sum + Math.log(mass(path.slice(0, level + 1)) / whole)
    }, 0),
  )
}
