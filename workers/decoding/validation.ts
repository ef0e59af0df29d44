// Quality on the validation part while a model is still being trained: the real beam search, on a fixed sample of users.

import type { Dataset } from '../data/dataset-reader.ts'
import { evaluationCases, historyOf } from '../data/sequences.ts'
import type { RankerShape } from '../ranker/architecture.ts'
import type { Catalogue } from '../ranker/catalogue.ts'
import { Random } from '../tensor/random.ts'
import { BeamDecoder } from './decoder.ts'
import { ItemTable } from './item-table.ts'
import { defaultBeamSize } from './recommender.ts'

const cutoff = 10
const casesOfARun = 64

interface Case {
  readonly history: Uint32Array
  readonly target: number
}

/** One case for each of `users` users (0: all), the first validation item of theirs. */
const sampleCases = (dataset: Dataset, users: number, seed: number): Case[] => {
  const columns = evaluationCases(dataset, 'validation')
  const firsts: number[] = []
  for (let index = 0; index < columns.count; index++)
    if (index === 0 || columns.user[index] !== columns.user[index - 1]) firsts.push(index)
  new Random(seed, 'validation').shuffle(firsts)
  return firsts.slice(0, users === 0 ? undefined : users).map((index) => ({
    history: historyOf(dataset, columns, index),
    target: columns.target[index],
  }))
}

export interface ValidationOptions {
  readonly shape: RankerShape
  /** Users of the sample; 0: all. */
  readonly users: number
  readonly seed: number
  readonly threads: number
}

export interface ValidationMetrics {
  /** NDCG@10, one target a user. */
  readonly ndcg: number
  /** Recall@10. */
  readonly recall: number
}

export class Validation {
  readonly #cases: readonly Case[]
  readonly #decoder: BeamDecoder
  readonly #table: ItemTable

  private constructor(cases: readonly Case[], decoder: BeamDecoder, table: ItemTable) {
    this.#cases = cases
    this.#decoder = decoder
    this.#table = table
  }

  static async create(
    dataset: Dataset,
    catalogue: Catalogue,
    { shape, users, seed, threads }: ValidationOptions,
  ): Promise<Validation> {
    const options = { threads, beamSize: defaultBeamSize, maxBatch: casesOfARun }
    const table = await ItemTable.create(shape, catalogue, threads)
    return new Validation(sampleCases(dataset, users, seed), BeamDecoder.changeable(shape, catalogue, options), table)
  }

  /** Users that are measured on; none when the validation part is empty. */
  get users(): number {
    return this.#cases.length
  }

  /** @param onBatch called now and then, with the users done; what it throws ends the measurement */
  async measure(parameters: Float32Array, onBatch: (done: number) => Promise<void>): Promise<ValidationMetrics> {
    this.#decoder.setWeights(parameters, await this.#table.vectors(parameters))
    let ndcg = 0
    let recall = 0
    for (let from = 0; from < this.#cases.length; from += casesOfARun) {
      const cases = this.#cases.slice(from, from + casesOfARun)
      const requests = cases.map(({ history }) => ({ history, count: cutoff, excluded: history }))
      for (const [index, { items }] of (await this.#decoder.decode(requests)).entries()) {
        const place = items.indexOf(cases[index].target)
        if (place < 0) continue
        recall++
        ndcg += 1 / Math.log2(place + 2)
      }
      await onBatch(from + cases.length)
    }
    const count = Math.max(1, this.#cases.length)
    return { ndcg: ndcg / count, recall: recall / count }
  }

  async release(): Promise<void> {
    await this.#decoder.release()
    await this.#table.release()
  }
}
