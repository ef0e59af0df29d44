import { BadDataError, type BadRow } from './errors.ts'

const EXAMPLES = 20
const REASON_LENGTH = 300

/** Counts the rows that cannot be read, keeps the first 20, and ends the job when they are too many. */
export class BadRowLog {
  readonly #limit: number
  readonly #examples: BadRow[] = []
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#count
  }

  get examples(): readonly BadRow[] {
    return this.#examples
  }

  /** How many more examples are wanted. */
  get wanted(): number {
    return EXAMPLES - this.#examples.length
  }

  /**
   * @param count all bad rows of a file
   * @param rows the first of them
   * @throws BadDataError beyond the limit
   */
  add(count: number, rows: readonly BadRow[]): void {
    this.#count += count
    const ordered = rows.toSorted((one, other) => one.line - other.line).slice(0, this.wanted)
    for (const row of ordered) this.#examples.push({ ...row, reason: row.reason.slice(0, REASON_LENGTH) })
    if (this.#count > this.#limit) throw this.#tooMany()
  }

  #tooMany(): BadDataError {
    const shown = this.#examples.slice(0, 3).map((row) => `${row.file}:${row.line}: ${row.reason}`)
    return new BadDataError(
      'BadRows',
      `${this.#count} rows cannot be read, spec.maxBadRows allows ${this.#limit}. ${shown.join('; ')}. ` +
        'Correct the files or spec.*.columns, or raise spec.maxBadRows.',
      { badRows: this.#examples },
    )
  }
}
