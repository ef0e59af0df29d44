import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** One line of JSON: `["<crc32 of the value's text, 8 hex digits>",<value>]`. */
export function sealed(value: unknown): string {
  const text = JSON.stringify(value)
  return `["${checksum(text)}",${text}]\n`
}

function checksum(text: string | Uint8Array): string {
  return crc32(text).toString(16).padStart(8, '0')
}

const prefixBytes = '["00000000",'.length

function unsealed(line: Buffer): unknown {
  const text = line.subarray(prefixBytes, -1)
  if (line.subarray(2, 10).toString('latin1') !== checksum(text)) return undefined
  try {
    return JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
}

export interface Checked<T> {
  values: T[]
  goodBytes: number
  totalBytes: number
}

/**
 * Reads a file of sealed lines; an absent file is an empty one.
 *
 * A damaged line with nothing readable behind it is what a killed writer leaves: with `tail may be torn` reading stops
 * there. Damage before readable lines is not, and is refused, since dropping it would silently lose objects.
 */
export function readChecked<T>(path: string, rule: 'tail may be torn' | 'every line counts'): Checked<T> {
  const bytes = contentOf(path)
  const values: T[] = []
  let goodBytes = 0
  let badLine: number | undefined
  for (const [index, [start, end]] of [...lineRanges(bytes)].entries()) {
    const complete = bytes[end] === 0x0a
    const value = complete ? unsealed(bytes.subarray(start, end)) : undefined
    if (value === undefined) badLine ??= index + 1
    else if (badLine !== undefined) throw damaged(path, badLine, index + 1)
    else {
      values.push(value as T)
      goodBytes = end + 1
    }
  }
  if (badLine !== undefined && rule === 'every line counts') throw damaged(path, badLine)
  return { values, goodBytes, totalBytes: bytes.length }
}

function damaged(path: string, line: number, readableLine?: number): Error {
  const cause = readableLine === undefined ? '' : `, though line ${readableLine} is readable`
  return new Error(
    `${path}:${line}: the line is damaged${cause}. Put a backup of the directory in its place; ` +
      `or, to give up this line and all after it, keep only the first ${line - 1} lines ` +
      `(head -n ${line - 1} FILE > FILE.new, then rename)`,
  )
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

function* lineRanges(bytes: Buffer): Generator<[start: number, end: number]> {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    yield [start, end]
    start = end + 1
  }
}
