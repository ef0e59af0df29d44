import { TokenizerSpecError } from './errors.ts'
import { type Codebooks, codebookOf } from './residual-quantizer.ts'

/** Codes of items that are told apart: `codes` [items, sizes.length], every path unique. */
export interface UniqueCodes {
  readonly codes: Uint16Array
  /** Entries of each level, an appended level included. */
  readonly sizes: readonly number[]
}

/** Items by equal codes, in the order of their first item. */
function groupsOfEqualCodes(codes: Uint16Array, levels: number): number[][] {
  const groups = new Map<string, number[]>()
  for (let item = 0; item * levels < codes.length; item++) {
    const path = codes.subarray(item * levels, (item + 1) * levels).join()
    const group = groups.get(path)
    if (group === undefined) groups.set(path, [item])
    else group.push(item)
  }
  return [...groups.values()]
}

/** Share of items whose codes another item has too. */
export function collisionRate(codes: Uint16Array, levels: number): number {
  const collided = groupsOfEqualCodes(codes, levels).filter((group) => group.length > 1)
  return codes.length === 0 ? 0 : collided.reduce((sum, group) => sum + group.length, 0) / (codes.length / levels)
}

/** One more level numbers the items of equal codes, best represented first. */
export function appendLevel(codes: Uint16Array, codebooks: Codebooks, points: Float32Array): UniqueCodes {
  const levels = codebooks.sizes.length
  const groups = groupsOfEqualCodes(codes, levels)
  const size = groups.reduce((most, group) => Math.max(most, group.length), 1)
  if (size > 65_536) {
    const message = `${size} items have equal codes, 65536 can be told apart; add features, levels or entries`
    throw new TokenizerSpecError('TooManyCollisions', 'collisions', message)
  }
  const extended = new Uint16Array((codes.length / levels) * (levels + 1))
  for (const group of groups) {
    byError(group, codes, codebooks, points).forEach((item, rank) => {
      extended.set(codes.subarray(item * levels, (item + 1) * levels), item * (levels + 1))
      extended[item * (levels + 1) + levels] = rank
    })
  }
  return { codes: extended, sizes: [...codebooks.sizes, size] }
}

/**
 * Of items with equal codes the best represented one keeps them; each other one takes the nearest free path: another
 * last code, or where all of these are taken, another code on the level before, and so on up.
 * @throws TokenizerSpecError when there are fewer paths than items
 */
export function reassign(codes: Uint16Array, codebooks: Codebooks, points: Float32Array): UniqueCodes {
  const levels = codebooks.sizes.length
  const itemCount = codes.length / levels
  const capacity = codebooks.sizes.reduce((product, size) => product * size, 1)
  if (capacity < itemCount) {
    const message = `${levels} levels of ${codebooks.sizes[0]} entries have ${capacity} paths for ${itemCount} items; raise codebookSize or levels`
    throw new TokenizerSpecError('TooFewCodes', 'codebookSize', message)
  }
  const unique = codes.slice()
  const paths = new PathFinder(codebooks.sizes, codebooks)
  const moved: number[] = []
  for (const group of groupsOfEqualCodes(codes, levels)) {
    const [keeper, ...others] = byError(group, codes, codebooks, points)
    paths.occupy(codes.subarray(keeper * levels, (keeper + 1) * levels))
    moved.push(...others)
  }
  const { dimensions } = codebooks
  for (const item of moved) {
    const own = codes.subarray(item * levels, (item + 1) * levels)
    const path = paths.nearestFree(points.subarray(item * dimensions, (item + 1) * dimensions), own)
    unique.set(path, item * levels)
    paths.occupy(path)
  }
  return { codes: unique, sizes: codebooks.sizes }
}

/**
 * Free paths for items that the build did not see, given their nearest codes [items, learned levels].
 * @param taken paths of the items that have one, [items, sizes.length]
 */
export function placeNewItems(
  nearest: Uint16Array,
  points: Float32Array,
  taken: UniqueCodes,
  codebooks: Codebooks,
): Uint16Array {
  const learned = codebooks.sizes.length
  const levels = taken.sizes.length
  const count = nearest.length / learned
  const paths = new PathFinder(taken.sizes, codebooks)
  for (let start = 0; start < taken.codes.length; start += levels) {
    paths.occupy(taken.codes.subarray(start, start + levels))
  }
  const placed = new Uint16Array(count * levels)
  const { dimensions } = codebooks
  for (let item = 0; item < count; item++) {
    const own = new Uint16Array(levels)
    own.set(nearest.subarray(item * learned, (item + 1) * learned))
    const path = paths.nearestFree(points.subarray(item * dimensions, (item + 1) * dimensions), own)
    paths.occupy(path)
    placed.set(path, item * levels)
  }
  return placed
}

/** Squared distance of an item's point from what its codes stand for. */
function codeError(item: number, codes: Uint16Array, codebooks: Codebooks, points: Float32Array): number {
  const { dimensions, sizes } = codebooks
  const residual = points.slice(item * dimensions, (item + 1) * dimensions)
  sizes.forEach((_, level) => {
    subtract(residual, codebookOf(codebooks, level), codes[item * sizes.length + level])
  })
  return residual.reduce((sum, value) => sum + value * value, 0)
}

function byError(group: number[], codes: Uint16Array, codebooks: Codebooks, points: Float32Array): number[] {
  if (group.length === 1) return group
  const errors = new Map(group.map((item) => [item, codeError(item, codes, codebooks, points)]))
  return [...group].sort((a, b) => (errors.get(a) ?? 0) - (errors.get(b) ?? 0) || a - b)
}

function subtract(residual: Float32Array, centroids: Float32Array, code: number): void {
  const start = code * residual.length
  for (let index = 0; index < residual.length; index++) residual[index] -= centroids[start + index]
}

interface PathNode {
  /** Paths taken below. */
  taken: number
  readonly children: Map<number, PathNode>
}

const emptyNode = (): PathNode => ({ taken: 0, children: new Map() })

/** Knows which paths are taken, and finds the nearest free one. */
class PathFinder {
  readonly #root = emptyNode()
  readonly #sizes: readonly number[]
  readonly #codebooks: Codebooks
  /** Paths below a node of each level; entry C is 1. */
  readonly #capacity: readonly number[]

  /** Levels of `sizes` beyond the codebooks stand for nothing: any of their codes is as near as any other. */
  constructor(sizes: readonly number[], codebooks: Codebooks) {
    this.#sizes = sizes
    this.#codebooks = codebooks
    this.#capacity = Array.from({ length: sizes.length + 1 }, (_, level) =>
      sizes.slice(level).reduce((product, size) => product * size, 1),
    )
  }

  occupy(path: Uint16Array): void {
    let node = this.#root
    node.taken++
    for (const code of path) {
      let next = node.children.get(code)
      if (next === undefined) {
        next = emptyNode()
        node.children.set(code, next)
      }
      next.taken++
      node = next
    }
  }

  /** Keeps as long a prefix of `own` as has room below it. */
  nearestFree(point: Float32Array, own: Uint16Array): Uint16Array {
    const residual = point.slice()
    const path = own.slice()
    let node: PathNode | undefined = this.#root
    let kept = 0
    for (; kept < own.length - 1; kept++) {
      const next: PathNode | undefined = node?.children.get(own[kept])
      if ((next?.taken ?? 0) >= this.#capacity[kept + 1]) break
      this.#descend(residual, kept, own[kept])
      node = next
    }
    for (let level = kept; level < own.length; level++) {
      const code = this.#nearestWithRoom(node, level, residual)
      path[level] = code
      this.#descend(residual, level, code)
      node = node?.children.get(code)
    }
    return path
  }

  #descend(residual: Float32Array, level: number, code: number): void {
    if (level < this.#codebooks.sizes.length) subtract(residual, codebookOf(this.#codebooks, level), code)
  }

  #nearestWithRoom(node: PathNode | undefined, level: number, residual: Float32Array): number {
    let best = -1
    let least = Number.POSITIVE_INFINITY
    for (let code = 0; code < this.#sizes[level]; code++) {
      if ((node?.children.get(code)?.taken ?? 0) >= this.#capacity[level + 1]) continue
      const distance = this.#distance(residual, level, code)
      if (distance < least) {
        best = code
        least = distance
      }
    }
    if (best < 0) throw new TokenizerSpecError('TooFewCodes', 'codebookSize', 'every path of codes is taken')
    return best
  }

  #distance(residual: Float32Array, level: number, code: number): number {
    if (level >= this.#codebooks.sizes.length) return 0
    const centroids = codebookOf(this.#codebooks, level)
    const start = code * residual.length
    let sum = 0
    for (let index = 0; index < residual.length; index++) sum += (residual[index] - centroids[start + index]) ** 2
    return sum
  }
}
