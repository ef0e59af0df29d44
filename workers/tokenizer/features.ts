import type { TrainingSequences } from '../data/co-occurrence.ts'
import { type CollaborativeOptions, collaborativeFeatures } from '../data/collaborative-features.ts'
import type { Tick } from '../tensor/linear-algebra/randomized-svd.ts'
import { Random } from '../tensor/random.ts'
import type { Catalogue, NewItem } from './catalogue.ts'
import { TokenizerSpecError } from './errors.ts'
import { applyRidge, type RidgeMap, solveRidge } from './ridge.ts'
import { learnTextProjection, projectText, type TextOptions, type TextProjection } from './text-features.ts'

export interface FeatureOptions {
  readonly text?: (TextOptions & { readonly weight: number }) | undefined
  readonly collaborative?: (CollaborativeOptions & { readonly weight: number }) | undefined
  readonly embedding?: { readonly weight: number } | undefined
  readonly seed: number
}

/** One kind of features: raw ones less their mean, times a factor that makes their total variance weight squared. */
export interface FeatureBlock {
  readonly kind: 'text' | 'embedding' | 'collaborative'
  readonly dimensions: number
  readonly center: Float32Array
  readonly factor: number
}

/** What makes the features of an item that the build did not see. */
export interface FeatureModel {
  /** In the order of the joined columns; the collaborative one is last. */
  readonly blocks: readonly FeatureBlock[]
  /** Factor of all blocks together. */
  readonly scale: number
  readonly text?: TextProjection | undefined
  /** Expects raw collaborative factors from the columns of the other blocks. */
  readonly ridge?: RidgeMap | undefined
}

export interface ItemFeatures {
  readonly dimensions: number
  /** [items, dimensions]; mean 0 by dimension, variance 1 as the mean over dimensions. */
  readonly data: Float32Array
  readonly model: FeatureModel
}

interface Matrix {
  readonly dimensions: number
  readonly data: Float32Array
}

/** @throws TokenizerSpecError when the Dataset lacks what the options ask for */
export async function learnFeatures(
  catalogue: Catalogue & TrainingSequences,
  options: FeatureOptions,
  tick?: Tick,
): Promise<ItemFeatures> {
  const { itemCount } = catalogue
  if (itemCount === 0) throw new TokenizerSpecError('NoItems', 'datasetRef', 'the Dataset has no items')
  const blocks: FeatureBlock[] = []
  const columns: Matrix[] = []
  const add = (kind: FeatureBlock['kind'], raw: Matrix, weight: number): void => {
    const block = standardize(kind, raw, weight)
    blocks.push(block)
    columns.push(applyBlock(block, raw.data))
  }
  let text: TextProjection | undefined
  if (options.text !== undefined) {
    text = await learnTextProjection(catalogue, options.text, new Random(options.seed, 'text'), tick)
    add('text', { dimensions: text.dimensions, data: projectText(catalogue, text) }, options.text.weight)
  }
  if (options.embedding !== undefined) add('embedding', embeddingColumn(catalogue), options.embedding.weight)
  let ridge: RidgeMap | undefined
  if (options.collaborative !== undefined) {
    const content = join(columns, itemCount)
    const random = new Random(options.seed, 'collaborative')
    const factors = await collaborativeFeatures(catalogue, options.collaborative, random, tick)
    if (columns.length === 0 && !factors.known.includes(1)) {
      const message = 'no user took two items together in the training part; add text or an embedding'
      throw new TokenizerSpecError('NoCoOccurrence', 'features.collaborative', message)
    }
    ridge = solveRidge(content, factors, factors.known)
    if (ridge !== undefined) fillUnknown(factors, factors.known, applyRidge(ridge, content.data))
    add('collaborative', factors, options.collaborative.weight)
  }
  const { dimensions, data } = join(columns, itemCount)
  const scale = unitScale(data)
  for (let index = 0; index < data.length; index++) data[index] *= scale
  return { dimensions, data, model: { blocks, scale, text, ridge } }
}

/** Features [items, dimensions] of items unknown to the build: their collaborative part is what content lets expect. */
export function featuresOf(items: readonly NewItem[], model: FeatureModel): Float32Array {
  const columns: Matrix[] = []
  for (const block of model.blocks) {
    columns.push(applyBlock(block, rawFeatures(items, block, model, columns)))
  }
  const { data } = join(columns, items.length)
  for (let index = 0; index < data.length; index++) data[index] *= model.scale
  return data
}

function rawFeatures(
  items: readonly NewItem[],
  { kind, dimensions }: FeatureBlock,
  { text, ridge }: FeatureModel,
  before: readonly Matrix[],
): Float32Array {
  if (kind === 'text' && text !== undefined) {
    const itemText = (item: number): string => items[item].text
    const itemAttributes = (item: number): readonly string[] => items[item].attributes
    return projectText({ itemCount: items.length, itemText, itemAttributes }, text)
  }
  if (kind === 'collaborative' && ridge !== undefined) return applyRidge(ridge, join(before, items.length).data)
  const raw = new Float32Array(items.length * dimensions)
  if (kind !== 'embedding') return raw
  items.forEach(({ embedding }, item) => {
    if (embedding?.length !== dimensions)
      throw new TokenizerSpecError(
        'NoItemEmbedding',
        'features.embedding',
        `item ${item} has an embedding of ${embedding?.length ?? 0} numbers; the tokenizer was built with ${dimensions}`,
      )
    raw.set(embedding, item * dimensions)
  })
  return raw
}

function embeddingColumn({ embeddings }: Catalogue): Matrix {
  if (embeddings === undefined) {
    const message = 'the Dataset has no embedding column; map one or leave out features.embedding'
    throw new TokenizerSpecError('NoItemEmbedding', 'features.embedding', message)
  }
  const wrong = embeddings.data.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0) {
    const message = `the embedding of item ${Math.floor(wrong / embeddings.dim)} holds ${embeddings.data[wrong]}`
    throw new TokenizerSpecError('BadItemEmbedding', 'features.embedding', message)
  }
  return { dimensions: embeddings.dim, data: embeddings.data }
}

/** Features without any variance stay zero rather than become noise. */
function standardize(kind: FeatureBlock['kind'], { dimensions, data }: Matrix, weight: number): FeatureBlock {
  const count = data.length / dimensions
  const mean = new Float64Array(dimensions)
  for (let index = 0; index < data.length; index++) mean[index % dimensions] += data[index] / count
  let variance = 0
  for (let index = 0; index < data.length; index++) variance += (data[index] - mean[index % dimensions]) ** 2 / count
  const squares = mean.reduce((sum, value) => sum + value * value, variance)
  const factor = variance > squares * 1e-12 ? weight / Math.sqrt(variance) : 0
  return { kind, dimensions, center: Float32Array.from(mean), factor }
}

function applyBlock({ dimensions, center, factor }: FeatureBlock, raw: Float32Array): Matrix {
  const data = new Float32Array(raw.length)
  for (let index = 0; index < raw.length; index++) data[index] = (raw[index] - center[index % dimensions]) * factor
  return { dimensions, data }
}

function join(columns: readonly Matrix[], rows: number): Matrix {
  const dimensions = columns.reduce((sum, column) => sum + column.dimensions, 0)
  const data = new Float32Array(rows * dimensions)
  let before = 0
  for (const column of columns) {
    for (let row = 0; row < rows; row++) {
      const source = column.data.subarray(row * column.dimensions, (row + 1) * column.dimensions)
      data.set(source, row * dimensions + before)
    }
    before += column.dimensions
  }
  return { dimensions, data }
}

function fillUnknown({ dimensions, data }: Matrix, known: Uint8Array, expected: Float32Array): void {
  known.forEach((isKnown, item) => {
    const start = item * dimensions
    if (isKnown === 0) data.set(expected.subarray(start, start + dimensions), start)
  })
}

function unitScale(data: Float32Array): number {
  let sum = 0
  for (const value of data) sum += value * value
  return sum === 0 ? 1 : Math.sqrt(data.length / sum)
}
