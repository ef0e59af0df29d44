/** Writes the arranged tables into the files of a Dataset artifact, as streams. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { ORDERED_EVENTS } from './arrange.ts'
import { float32, float64, NumberFile, uint32 } from './binary-files.ts'
import type { Database } from './duckdb.ts'
import { joinText, listAttributes } from './item-text.ts'
import { appendLines } from './json-lines-file.ts'
import { type Cut, leaveOneOut, type SplitTimes } from './split.ts'

/**
 * Little endian; events lie user after user.
 * - items.jsonl: {id, text, attributes}, a line an item index
 * - embeddings.f32 [items, dimension]: only with an embedding column
 * - users.jsonl: the id as a JSON string, a line a user index
 * - offsets.u32 [users + 1]: where a user's events begin
 * - events.u32: item indices; times.f64: milliseconds since 1970, only in data with times
 * - splits.u32 [users, 2]: trainEnd and validationEnd, positions within the user's sequence
 */
export const DATASET_FILES = {
  items: 'items.jsonl',
  embeddings: 'embeddings.f32',
  users: 'users.jsonl',
  offsets: 'offsets.u32',
  events: 'events.u32',
  times: 'times.f64',
  splits: 'splits.u32',
} as const

export interface EventStatistics {
  train: number
  validation: number
  test: number
  /** Neighbours in a user's sequence with equal times; 0 in data without times. */
  tiedPairs: number
  /** All neighbours in users' sequences. */
  pairs: number
  firstTime?: number
  lastTime?: number
}

export async function writeItems(database: Database, directory: string, embeddingDimension: number): Promise<void> {
  const lines = await open(join(directory, DATASET_FILES.items), 'w')
  const vectors =
    embeddingDimension > 0 ? await NumberFile.create(join(directory, DATASET_FILES.embeddings), float32) : undefined
  // Interacted items that the catalogue lacks have no embedding: zeros, which no feature tells from absence.
  const absent = `CAST(list_resize([0.0], ${embeddingDimension}, 0.0) AS FLOAT[])`
  const embedding = vectors === undefined ? 'NULL' : `coalesce(embedding, ${absent})`
  try {
    const query = `SELECT item_id, text, attributes, ${embedding} AS embedding FROM items ORDER BY item_index`
    for await (const chunk of database.stream(query)) {
      const [ids, texts, attributes, embeddings] = chunk.getColumns()
      await appendLines(
        lines,
        ids.map((id, row) => ({
          id: String(id),
          text: joinText(parsed(texts[row])),
          attributes: listAttributes(parsed(attributes[row])),
        })),
      )
      await vectors?.append(embeddings.flatMap(listItems))
    }
  } finally {
    await lines.close()
    await vectors?.close()
  }
}

function parsed(json: unknown): unknown {
  return typeof json === 'string' ? JSON.parse(json) : []
}

function listItems(value: unknown): number[] {
  const hasItems = typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items)
  return hasItems ? (value.items as number[]) : []
}

export async function writeUsers(database: Database, directory: string): Promise<void> {
  const lines = await open(join(directory, DATASET_FILES.users), 'w')
  try {
    for await (const chunk of database.stream('SELECT user_id FROM users ORDER BY user_index')) {
      await appendLines(lines, chunk.getColumnValues(0).map(String))
    }
  } finally {
    await lines.close()
  }
}

export interface EventOptions {
  hasTimes: boolean
  /** Undefined: leave one out. */
  splitTimes: SplitTimes | undefined
  onProgress(events: number): void
}

export async function writeEvents(
  database: Database,
  directory: string,
  options: EventOptions,
): Promise<EventStatistics> {
  const file = (name: string, create: (values: readonly number[]) => Uint32Array | Float64Array): Promise<NumberFile> =>
    NumberFile.create(join(directory, name), create)
  const events = await file(DATASET_FILES.events, uint32)
  const offsets = await file(DATASET_FILES.offsets, uint32)
  const splits = await file(DATASET_FILES.splits, uint32)
  const times = options.hasTimes ? await file(DATASET_FILES.times, float64) : undefined
  const cutter = new SequenceCutter(options.splitTimes)
  try {
    let written = 0
    for await (const chunk of database.stream(ORDERED_EVENTS)) {
      const [users, items, milliseconds] = chunk.getColumns() as [number[], number[], (number | null)[]]
      users.forEach((user, row) => {
        cutter.add(user, milliseconds[row])
      })
      await events.append(items)
      await times?.append(milliseconds as number[])
      await offsets.append(cutter.takeOffsets())
      await splits.append(cutter.takeCuts())
      written += chunk.rowCount
      options.onProgress(written)
    }
    cutter.end()
    await offsets.append(cutter.takeOffsets())
    await splits.append(cutter.takeCuts())
    return cutter.statistics
  } finally {
    for (const handle of [events, offsets, splits, times]) await handle?.close()
  }
}

/** Cuts a stream of events, ordered by user and time, into sequences; holds counts only, never a sequence. */
class SequenceCutter {
  readonly statistics: EventStatistics = { train: 0, validation: 0, test: 0, tiedPairs: 0, pairs: 0 }
  readonly #times: SplitTimes | undefined
  #offsets: number[] = [0]
  #cuts: number[] = []
  #user = -1
  #total = 0
  #length = 0
  #beforeValidation = 0
  #beforeTest = 0
  #previousTime: number | null = null

  constructor(times: SplitTimes | undefined) {
    this.#times = times
  }

  add(user: number, time: number | null): void {
    if (user !== this.#user) {
      this.end()
      this.#user = user
    } else {
      this.statistics.pairs++
      if (time !== null && time === this.#previousTime) this.statistics.tiedPairs++
    }
    this.#length++
    this.#total++
    this.#previousTime = time
    if (time !== null) this.#addTime(time)
  }

  #addTime(time: number): void {
    const { statistics } = this
    statistics.firstTime = Math.min(statistics.firstTime ?? time, time)
    statistics.lastTime = Math.max(statistics.lastTime ?? time, time)
    if (this.#times === undefined) return
    if (time < this.#times.validationStart) this.#beforeValidation++
    if (time < this.#times.testStart) this.#beforeTest++
  }

  /** Ends the current user's sequence. */
  end(): void {
    if (this.#length === 0) return
    const cut: Cut =
      this.#times === undefined
        ? leaveOneOut(this.#length)
        : { trainEnd: this.#beforeValidation, validationEnd: this.#beforeTest }
    this.#offsets.push(this.#total)
    this.#cuts.push(cut.trainEnd, cut.validationEnd)
    this.statistics.train += cut.trainEnd
    this.statistics.validation += cut.validationEnd - cut.trainEnd
    this.statistics.test += this.#length - cut.validationEnd
    this.#length = 0
    this.#beforeValidation = 0
    this.#beforeTest = 0
  }

  takeOffsets(): number[] {
    const taken = this.#offsets
    this.#offsets = []
    return taken
  }

  takeCuts(): number[] {
    const taken = this.#cuts
    this.#cuts = []
    return taken
  }
}
