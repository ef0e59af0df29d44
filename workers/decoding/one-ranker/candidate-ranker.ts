// OneRanker over real sessions: what it makes of users, and the scores of candidates for them.

import { memoryShapes } from '../../ranker/one-ranker/ranking-decoder.ts'
import { type StreamHistory, streamTensors } from '../../ranker/one-ranker/stream.ts'
import type { ExecutionProvider } from '../../tensor/execution-provider.ts'
import type { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import { openRunner, type Runner } from '../../tensor/runner.ts'
import { float32, int32, type Session, type Tensors } from '../../tensor/session.ts'
import { columnsFor } from '../auction/request-tensors.ts'
import { SessionCache, type SessionCacheOptions } from '../auction/session-cache.ts'
import { OpenedOnce } from '../opened-once.ts'
import {
  candidateInputs,
  encodingGraph,
  type OneRankerParts,
  rankingGraph,
  scoreOutput,
  userShapes,
  wholeGraph,
} from './graphs.ts'
import { type EncodedUser, historyKeys, UserCache } from './user-cache.ts'

export interface CandidateRankerOptions {
  readonly threads: number
  /** Rows of a run at most. */
  readonly maxBatch: number
  readonly ownThread?: boolean
  readonly provider?: ExecutionProvider
  readonly sessions?: SessionCacheOptions
  /** What users that are kept may take; 0 or absent: none are. */
  readonly userBytes?: number
}

/** Candidates of one request. */
export interface CandidateSet {
  readonly items: Uint32Array
  /** By candidate, 1 for ads. */
  readonly isAd: Uint8Array
}

export interface RankingTask extends CandidateSet {
  readonly history: StreamHistory
}

/** Columns of the smallest graph. */
const smallestGraph = 16

const capacityOf = (columns: number) => ({ slots: 0, columns, entries: [] })

/** Values of one row of an output. */
const rowOf = (data: Float32Array, rows: number, row: number): Float32Array => {
  const width = data.length / rows
  return data.slice(row * width, (row + 1) * width)
}

export class CandidateRanker {
  /** How often each graph has run. */
  readonly runs = { whole: 0, ranking: 0, encoding: 0 }
  /** Histories so far: those that steps 1 and 2 read, and those of which was kept what they had made. */
  readonly histories = { encoded: 0, kept: 0 }
  readonly #parts: OneRankerParts
  readonly #options: CandidateRankerOptions
  readonly #users: UserCache
  readonly #whole: SessionCache
  readonly #ranking: SessionCache
  readonly #encoding: OpenedOnce<Runner>

  constructor(parts: OneRankerParts, options: CandidateRankerOptions) {
    this.#parts = parts
    this.#options = options
    this.#users = new UserCache(options.userBytes ?? 0)
    const cached = (graph: (columns: number) => Graph) =>
      new SessionCache(({ columns }) => this.#open(graph(columns)), options.sessions)
    this.#whole = cached((columns) => wholeGraph(parts, columns, this.#users.keepsAny))
    this.#ranking = cached((columns) => rankingGraph(parts, columns))
    this.#encoding = new OpenedOnce(() => this.#open(encodingGraph(parts)))
  }

  /** What the model makes of each history; those that are kept are not encoded again. */
  async encode(histories: readonly StreamHistory[]): Promise<EncodedUser[]> {
    const { streams, keys, found } = this.#look(histories)
    const missing = [...found.keys()].filter((place) => found[place] === undefined)
    for (const places of this.#batches(missing)) {
      const outputs = await this.#encode(rowsOf(streams, places))
      for (const [row, place] of places.entries()) {
        const user = this.#userOf(outputs, places.length, row)
        this.#users.set(keys[place], user)
        found[place] = user
      }
    }
    return found as EncodedUser[]
  }

  /**
   * f by candidate. Users that are not kept take one pass from history to scores.
   * @throws TypeError for a model without step 3
   */
  async rank(tasks: readonly RankingTask[]): Promise<Float32Array[]> {
    const { streams, keys, found } = this.#look(tasks.map(({ history }) => history))
    const scores: Float32Array[] = new Array(tasks.length)
    const missing = [...found.keys()].filter((place) => found[place] === undefined)
    for (const { columns, places } of this.#groups(tasks, missing)) {
      this.runs.whole++
      const outputs = await this.#whole.run(capacityOf(columns), (capacity) => ({
        ...rowsOf(streams, places),
        ...candidateTensors(
          places.map((place) => tasks[place]),
          capacity.columns,
        ),
      }))
      for (const [row, place] of places.entries()) {
        scores[place] = scoresOf(outputs, places.length, row, tasks[place])
        if (this.#users.keepsAny) this.#users.set(keys[place], this.#userOf(outputs, places.length, row))
      }
    }
    const known = [...found.entries()].flatMap(([place, user]) => (user === undefined ? [] : [{ place, user }]))
    const ranked = await this.rankFor(known.map(({ place, user }) => ({ ...tasks[place], user })))
    for (const [index, { place }] of known.entries()) scores[place] = ranked[index]
    return scores
  }

  /** The same for users that were encoded. */
  async rankFor(tasks: readonly (CandidateSet & { readonly user: EncodedUser })[]): Promise<Float32Array[]> {
    const scores: Float32Array[] = new Array(tasks.length)
    for (const { columns, places } of this.#groups(tasks, [...tasks.keys()])) {
      const group = places.map((place) => tasks[place])
      this.runs.ranking++
      const outputs = await this.#ranking.run(capacityOf(columns), (capacity) => ({
        ...this.#memoryTensors(group.map(({ user }) => user)),
        ...candidateTensors(group, capacity.columns),
      }))
      for (const [row, place] of places.entries()) scores[place] = scoresOf(outputs, places.length, row, tasks[place])
    }
    return scores
  }

  /**
   * Once there are sessions for so many candidates.
   * @param isRecalled whether users are encoded first, to choose the candidates
   */
  async prepare(candidates: number, isRecalled: boolean): Promise<void> {
    const capacity = capacityOf(columnsFor(candidates, smallestGraph))
    if (isRecalled) await this.#encoding.get()
    else await this.#whole.prepare(capacity)
    if (isRecalled || this.#users.keepsAny) await this.#ranking.prepare(capacity)
  }

  async release(): Promise<void> {
    await this.#whole.release()
    await this.#ranking.release()
    await this.#encoding.release()
  }

  /** Each history as the graph reads it, and what is kept of it. */
  #look(histories: readonly StreamHistory[]) {
    const streams = streamTensors(this.#parts.shape, histories)
    const keys = this.#users.keepsAny && histories.length > 0 ? historyKeys(streams) : []
    const found = histories.map((_, place) => (keys.length === 0 ? undefined : this.#users.get(keys[place])))
    const kept = found.filter((user) => user !== undefined).length
    this.histories.kept += kept
    this.histories.encoded += found.length - kept
    return { streams, keys, found }
  }

  async #encode(streams: Tensors): ReturnType<Session['run']> {
    this.runs.encoding++
    return (await this.#encoding.get()).run(streams)
  }

  #userOf(outputs: Awaited<ReturnType<Session['run']>>, rows: number, row: number): EncodedUser {
    const names = Object.keys(userShapes(this.#parts.shape, rows))
    return Object.fromEntries(names.map((name) => [name, rowOf(outputs[name].data as Float32Array, rows, row)]))
  }

  #memoryTensors(users: readonly EncodedUser[]): Tensors {
    const shapes = Object.entries(memoryShapes(this.#parts.shape, users.length)) as [string, number[]][]
    return Object.fromEntries(
      shapes.map(([name, shape]) => {
        const [, ...each] = shape
        const width = each.reduce((size, length) => size * length, 1)
        const data = new Float32Array(users.length * width)
        for (const [row, user] of users.entries()) data.set(user[name], row * width)
        return [name, float32(shape, data)]
      }),
    )
  }

  #batches(places: readonly number[]): number[][] {
    const { maxBatch } = this.#options
    return Array.from({ length: Math.ceil(places.length / maxBatch) }, (_, batch) =>
      places.slice(batch * maxBatch, (batch + 1) * maxBatch),
    )
  }

  /** Runs of candidates of one size. */
  #groups(tasks: readonly CandidateSet[], places: readonly number[]): { columns: number; places: number[] }[] {
    const bySize = Map.groupBy(places, (place) => columnsFor(tasks[place].items.length, smallestGraph))
    return [...bySize].flatMap(([columns, all]) => this.#batches(all).map((batch) => ({ columns, places: batch })))
  }

  #open(graph: Graph): Promise<Runner> {
    const { threads, ownThread = false, provider = 'CPU' } = this.#options
    return openRunner(writeModel(graph), { threads, provider, ownThread })
  }
}

/** Rows of a batch. */
const rowsOf = (tensors: Tensors, places: readonly number[]): Tensors =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { type, shape, data }]) => {
      const [rows, ...each] = shape
      if (places.length === rows) return [name, tensors[name]]
      const width = data.length / rows
      const kept = type === 'int32' ? new Int32Array(places.length * width) : new Float32Array(places.length * width)
      for (const [row, place] of places.entries())
        kept.set((data as Float32Array).subarray(place * width, (place + 1) * width), row * width)
      return [name, { type, shape: [places.length, ...each], data: kept }]
    }),
  )

const candidateTensors = (sets: readonly CandidateSet[], columns: number): Tensors => {
  const item = new Int32Array(sets.length * columns)
  const isAd = new Float32Array(sets.length * columns)
  for (const [row, set] of sets.entries()) {
    item.set(set.items, row * columns)
    isAd.set(set.isAd, row * columns)
  }
  const shape = [sets.length, columns]
  return { [candidateInputs.item]: int32(shape, item), [candidateInputs.isAd]: float32(shape, isAd) }
}

const scoresOf = (
  outputs: Awaited<ReturnType<Session['run']>>,
  rows: number,
  row: number,
  { items }: CandidateSet,
): Float32Array => rowOf(outputs[scoreOutput].data as Float32Array, rows, row).subarray(0, items.length)
