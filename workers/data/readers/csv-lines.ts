/**
 * The physical lines of CSV records. DuckDB numbers records, and line breaks inside quotes make records and lines
 * differ; so the file is read once more, only when rows are bad, and only as far as the last one to be shown.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { MAX_LINE_BYTES } from './text-lines.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22

export interface WantedRecords {
  /** Numbers (from 1, ascending) among the records that were accepted, the header not counted. */
  rowNumbers: readonly number[]
  /** Byte positions at which rejected records start. */
  rejectedStarts: ReadonlySet<number>
  /** The last rejected start whose line is wanted; -1 for none. */
  lastStart: number
  blanksAreRecords: boolean
}

export interface FoundRecords {
  lines: number[]
  lineOfStart: Map<number, number>
}

/** DuckDB decompresses by the name's ending; so do we. */
function openText(path: string): Readable {
  const file = createReadStream(path)
  const decompress = path.endsWith('.gz') ? createGunzip() : path.endsWith('.zst') ? createZstdDecompress() : undefined
  if (decompress === undefined) return file
  file.on('error', (error) => decompress.destroy(error))
  return file.pipe(decompress)
}

export async function readFirstLine(path: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of openText(path)) {
    const buffer: Buffer = chunk
    const end = buffer.indexOf(LINE_FEED)
    chunks.push(end < 0 ? buffer : buffer.subarray(0, end))
    size += buffer.length
    if (end >= 0 || size > MAX_LINE_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

export async function findRecordLines(path: string, wanted: WantedRecords): Promise<FoundRecords> {
  const scan = new RecordScan(wanted)
  for await (const chunk of openText(path)) {
    scan.read(chunk)
    if (scan.isDone) break
  }
  scan.end()
  return scan.found
}

class RecordScan {
  readonly found: FoundRecords = { lines: [], lineOfStart: new Map() }
  readonly #wanted: WantedRecords
  #position = 0
  #line = 1
  #start = 0
  #startLine = 1
  #isQuoted = false
  #isBlank = true
  #isHeader = true
  /** A rejected start on a blank line: DuckDB counts blank lines as the beginning of the record that follows. */
  #rejectedStart: number | undefined
  #accepted = 0

  constructor(wanted: WantedRecords) {
    this.#wanted = wanted
  }

  get isDone(): boolean {
    return this.found.lines.length === this.#wanted.rowNumbers.length && this.#isPastRejects
  }

  get #isPastRejects(): boolean {
    return this.#start > this.#wanted.lastStart && this.#rejectedStart === undefined
  }

  read(chunk: Buffer): void {
    for (const byte of chunk) {
      this.#position++
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted
      if (byte === LINE_FEED) {
        this.#line++
        if (!this.#isQuoted) this.#endRecord()
      } else if (byte !== CARRIAGE_RETURN) this.#isBlank = false
    }
  }

  end(): void {
    if (!this.#isBlank) this.#endRecord()
  }

  #endRecord(): void {
    if (this.#wanted.rejectedStarts.has(this.#start)) this.#rejectedStart ??= this.#start
    if (this.#isHeader) this.#isHeader = false
    else if (!this.#isBlank || this.#wanted.blanksAreRecords) this.#countRecord()
    this.#start = this.#position
    this.#startLine = this.#line
    this.#isBlank = true
  }

  #countRecord(): void {
    if (this.#rejectedStart !== undefined) {
      this.found.lineOfStart.set(this.#rejectedStart, this.#startLine)
      this.#rejectedStart = undefined
      return
    }
    this.#accepted++
    const next = this.#wanted.rowNumbers[this.found.lines.length]
    if (next === this.#accepted) this.found.lines.push(this.#startLine)
  }
}
