/** Files with a JSON value a line. */
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { createInterface } from 'node:readline'

export async function appendLines(file: FileHandle, values: readonly unknown[]): Promise<void> {
  await file.appendFile(values.map((value) => `${singleLine(value)}\n`).join(''))
}

/** JSON without the separators U+2028 and U+2029, which JSON allows in strings and line readers take for line ends. */
function singleLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (separator) => `\\u${separator.charCodeAt(0).toString(16)}`)
}

/** Line by line: a file may be longer than the longest string. JSON escapes every line break that readline knows. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  const values: T[] = []
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    values.push(JSON.parse(line))
  }
  return values
}
