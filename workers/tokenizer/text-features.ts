import { randomizedSvd, type Tick } from '../tensor/linear-algebra/randomized-svd.ts'
import { type SparseMatrix, SparseMatrixBuilder } from '../tensor/linear-algebra/sparse-matrix.ts'
import type { Random } from '../tensor/random.ts'
import type { Catalogue } from './catalogue.ts'
import { TokenizerSpecError } from './errors.ts'

export interface TextOptions {
  readonly dimensions: number
  readonly ngrams: number
  readonly buckets: number
}

/** What turns text into features, also that of items unknown when it was learned. */
export interface TextProjection extends TextOptions {
  /** Buckets that count, ascending. */
  readonly terms: Uint32Array
  /** Inverse document frequency by term. */
  readonly idf: Float32Array
  /** [terms, dimensions]. */
  readonly weights: Float32Array
}

/** Scripts that are written without spaces: each character is a word, and n-grams make words of them. */
const unspaced = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}'
const wordPattern = new RegExp(`[${unspaced}]|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+`, 'gu')

export const wordsOf = (text: string): string[] => text.normalize('NFKC').toLowerCase().match(wordPattern) ?? []

/** FNV-1a over UTF-16 units with the finish of MurmurHash3: all 32 bits depend on every unit. */
export function hashTerm(term: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < term.length; index++) hash = Math.imul(hash ^ term.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** How often each bucket occurs in one item: n-grams of its text and of each attribute, and each attribute whole. */
export function countTerms(
  text: string,
  attributes: readonly string[],
  { ngrams, buckets }: Pick<TextOptions, 'ngrams' | 'buckets'>,
): Map<number, number> {
  const counts = new Map<number, number>()
  const count = (term: string): void => {
    const bucket = hashTerm(term) % buckets
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  for (const words of [text, ...attributes].map(wordsOf)) {
    for (let first = 0; first < words.length; first++) {
      let term = ''
      for (let length = 0; length < ngrams && first + length < words.length; length++) {
        term += ` ${words[first + length]}`
        count(term)
      }
    }
  }
  for (const attribute of attributes) count(`=${wordsOf(attribute).join(' ')}`)
  return counts
}

/**
 * Learns a text projection: tf-idf over hashed terms, rows of unit length, reduced by a randomized SVD.
 * Terms of a single item tell nothing about its likeness to others and are left out, unless there are no others.
 * @throws TokenizerSpecError when no item has a word
 */
export async function learnTextProjection(
  catalogue: Catalogue,
  options: TextOptions,
  random: Random,
  tick?: Tick,
): Promise<TextProjection> {
  const frequency = documentFrequency(catalogue, options)
  const shared = frequency.some((items) => items > 1) ? 2 : 1
  const terms = new Uint32Array(frequency.keys().filter((bucket) => frequency[bucket] >= shared))
  if (terms.length === 0) {
    const message = 'no item of the Dataset has text or attributes; map a text column or leave out features.text'
    throw new TokenizerSpecError('NoItemText', 'features.text', message)
  }
  const idf = Float32Array.from(terms, (bucket) => Math.log((1 + catalogue.itemCount) / (1 + frequency[bucket])) + 1)
  const matrix = termMatrix(catalogue, { ...options, terms, idf })
  const { right } = await randomizedSvd(matrix, options.dimensions, { random, tick })
  const dimensions = right.length
  const weights = new Float32Array(terms.length * dimensions)
  right.forEach((column, dimension) => {
    for (let term = 0; term < terms.length; term++) weights[term * dimensions + dimension] = column[term]
  })
  return { ...options, dimensions, terms, idf, weights }
}

/** Features [items, dimensions] of text by a learned projection; an item without known terms gets zeros. */
export function projectText(
  items: Pick<Catalogue, 'itemCount' | 'itemText' | 'itemAttributes'>,
  projection: TextProjection,
): Float32Array {
  const { dimensions, weights } = projection
  const { rows, offsets, indices, values } = termMatrix(items, projection)
  const features = new Float32Array(rows * dimensions)
  const sum = new Float64Array(dimensions)
  for (let row = 0; row < rows; row++) {
    sum.fill(0)
    for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) {
      const start = indices[entry] * dimensions
      for (let dimension = 0; dimension < dimensions; dimension++) {
        sum[dimension] += values[entry] * weights[start + dimension]
      }
    }
    features.set(sum, row * dimensions)
  }
  return features
}

function documentFrequency(catalogue: Catalogue, options: TextOptions): Uint32Array {
  const frequency = new Uint32Array(options.buckets)
  for (let item = 0; item < catalogue.itemCount; item++) {
    const terms = countTerms(catalogue.itemText(item), catalogue.itemAttributes(item), options)
    for (const bucket of terms.keys()) frequency[bucket]++
  }
  return frequency
}

/** tf-idf [items, terms] with rows of unit length; (1 + ln tf) * idf before that. */
function termMatrix(
  items: Pick<Catalogue, 'itemCount' | 'itemText' | 'itemAttributes'>,
  options: Pick<TextProjection, 'ngrams' | 'buckets' | 'terms' | 'idf'>,
): SparseMatrix {
  const columnOf = new Int32Array(options.buckets).fill(-1)
  options.terms.forEach((bucket, column) => {
    columnOf[bucket] = column
  })
  const builder = new SparseMatrixBuilder(options.terms.length)
  for (let item = 0; item < items.itemCount; item++) {
    const counts = countTerms(items.itemText(item), items.itemAttributes(item), options)
    const row = [...counts]
      .map(([bucket, count]): [number, number] => [columnOf[bucket], count])
      .filter(([column]) => column >= 0)
      .map(([column, count]): [number, number] => [column, (1 + Math.log(count)) * options.idf[column]])
      .sort(([a], [b]) => a - b)
    const norm = Math.sqrt(row.reduce((sum, [, value]) => sum + value * value, 0))
    for (const [column, value] of row) builder.add(column, value / norm)
    builder.endRow()
  }
  return builder.build()
}
