// The input vectors of all items, computed once for given weights: decoding then reads rows of a table.

import { type RankerShape, rankerLayout } from '../ranker/architecture.ts'
import { itemVectors } from '../ranker/backbone.ts'
import type { CodedItems } from '../ranker/catalogue.ts'
import { Graph } from '../tensor/graph.ts'
import { writeModel } from '../tensor/onnx-writer.ts'
import { parametersOf } from '../tensor/parameters.ts'
import { float32, int32, Session } from '../tensor/session.ts'

const rowsOfARun = 8192

/** Turns weights into item vectors; release it after use. */
export class ItemTable {
  readonly #session: Session
  readonly #shape: RankerShape
  readonly #items: CodedItems

  private constructor(session: Session, shape: RankerShape, items: CodedItems) {
    this.#session = session
    this.#shape = shape
    this.#items = items
  }

  static async create(shape: RankerShape, items: CodedItems, threads: number): Promise<ItemTable> {
    const layout = rankerLayout(shape)
    const graph = new Graph()
    const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
    const codes = shape.codebookSizes.map((_, level) => graph.input(`codes.${level}`, 'int32', ['N']))
    const features = graph.input('features', 'float32', ['N', shape.featureDimensions])
    const index = graph.input('index', 'int32', ['N'])
    graph.output('vectors', itemVectors(parameters, shape, { index, codes, features }))
    return new ItemTable(await Session.create(writeModel(graph), { threads }), shape, items)
  }

  /** @returns [items, hiddenSize] */
  async vectors(parameters: Float32Array): Promise<Float32Array> {
    const { itemCount } = this.#items
    const table = new Float32Array(itemCount * this.#shape.hiddenSize)
    for (let from = 0; from < itemCount; from += rowsOfARun)
      table.set(
        await this.#rows(parameters, from, Math.min(itemCount, from + rowsOfARun)),
        from * this.#shape.hiddenSize,
      )
    return table
  }

  async #rows(parameters: Float32Array, from: number, to: number): Promise<Float32Array> {
    const { codes, levels, features, featureDimensions } = this.#items
    const count = to - from
    const columns = Array.from({ length: levels }, (_, level) => [
      `codes.${level}`,
      int32(
        [count],
        Int32Array.from({ length: count }, (_, row) => codes[(from + row) * levels + level]),
      ),
    ])
    const { vectors } = await this.#session.run({
      parameters: float32([parameters.length], parameters),
      features: float32(
        [count, featureDimensions],
        features.subarray(from * featureDimensions, to * featureDimensions),
      ),
      index: int32(
        [count],
        Int32Array.from({ length: count }, (_, row) => from + row),
      ),
      ...Object.fromEntries(columns),
    })
    return vectors.data as Float32Array
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}
