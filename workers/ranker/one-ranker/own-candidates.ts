// The generator's own best ads, by the parameters at hand: what it would propose now, right or wrong, is what the ranking
// decoder must tell apart.

import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import { parametersOf } from '../../tensor/parameters.ts'
import { float32, int32, Session, type Tensors } from '../../tensor/session.ts'
import { noDropout } from '../dropout.ts'
import { itemsAt } from '../ega/token-vectors.ts'
import type { CandidatePool } from './candidate-sets.ts'
import { itemVectors, valueScores } from './dual-channel.ts'
import { type OneRankerShape, oneRankerLayout } from './shape.ts'
import { generatorPass } from './training-model.ts'

const adInput = 'ads'

export class OwnCandidates {
  readonly #session: Session
  readonly #inputs: ReadonlySet<string>
  readonly #size: readonly [rows: number, ads: number]

  private constructor(session: Session, inputs: ReadonlySet<string>, size: readonly [number, number]) {
    this.#session = session
    this.#inputs = inputs
    this.#size = size
  }

  /**
   * @param sample inputs of a batch, of which those of steps 1 and 2 are read
   * @param ads eligible ads of a request at most
   */
  static async create(shape: OneRankerShape, sample: Tensors, ads: number, threads: number): Promise<OwnCandidates> {
    const graph = new Graph()
    const layout = oneRankerLayout(shape)
    const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
    const used = Object.entries(sample).filter(([name]) => /^(item|stream)\./.test(name))
    const inputs = Object.fromEntries(
      used.map(([name, { type, shape: size }]) => [name, graph.input(name, type, size)]),
    )
    const { users, table } = generatorPass(parameters, shape, inputs, noDropout)
    if (users === undefined) throw new Error('A model without step 2 has no value tokens to propose ads')
    const size = [Number(users.shape[0]), ads] as const
    const items = itemsAt(parameters, shape, table, graph.input(adInput, 'int32', [...size]))
    graph.output('scores', valueScores(shape, users, itemVectors(parameters, shape, items)))
    const session = await Session.create(writeModel(graph), { threads })
    return new OwnCandidates(session, new Set(used.map(([name]) => name)), size)
  }

  /** By row the places of the `count` ads of its pool that the value tokens score highest, best first. */
  async best(
    parameters: Float32Array,
    batch: Tensors,
    pools: readonly CandidatePool[],
    count: number,
  ): Promise<number[][]> {
    const [rows, most] = this.#size
    const adsOf = pools.map(({ isAd }) =>
      Array.from(isAd.keys())
        .filter((place) => isAd[place] === 1)
        .slice(0, most),
    )
    const items = new Int32Array(rows * most)
    for (const [row, ads] of adsOf.entries())
      items.set(
        ads.map((place) => pools[row].items[place]),
        row * most,
      )
    const read = Object.entries(batch).filter(([name]) => this.#inputs.has(name))
    const { scores } = await this.#session.run({
      ...Object.fromEntries(read),
      parameters: float32([parameters.length], parameters),
      [adInput]: int32([rows, most], items),
    })
    const data = scores.data as Float32Array
    return adsOf.map((ads, row) => {
      const scoreOf = (index: number) => data[row * most + index]
      const ranked = Array.from(ads.keys()).sort((one, other) => scoreOf(other) - scoreOf(one) || one - other)
      return ranked.slice(0, count).map((index) => ads[index])
    })
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}
