import { changedLines, progressTable, type ShownObject } from './progress-table.ts'

/** Shows progress: a table that is redrawn on a terminal, a line a change elsewhere. */
export class LiveDisplay {
  readonly #output: NodeJS.WriteStream
  #drawn = 0
  #lines = new Map<string, string>()

  constructor(output: NodeJS.WriteStream) {
    this.#output = output
  }

  /** A line that stays. */
  report(line: string): void {
    this.#erase()
    this.#output.write(`${line}\n`)
  }

  show(objects: readonly ShownObject[]): void {
    if (!this.#output.isTTY) {
      const changed = changedLines(this.#lines, objects)
      for (const [key, line] of changed) {
        this.#output.write(`${line}\n`)
        this.#lines.set(key, line)
      }
      return
    }
    const table = progressTable(objects, this.#output.columns || 120)
    this.#erase()
    this.#output.write(`${table.join('\n')}\n`)
    this.#drawn = table.length
  }

  /** Leaves the last table where it is. */
  end(): void {
    this.#drawn = 0
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output.write(`\u001b[${this.#drawn}A\u001b[J`)
    this.#drawn = 0
  }
}
