import { EventEmitter } from 'node:events'
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * The log of one run of a container: a file, and beside it `FILE.1` with what came before the last rotation, so that a
 * run keeps between one and two times `maxBytes`. Written at once: the order of lines is that of the process, and
 * nothing is lost when the node dies.
 */
export class ContainerLog extends EventEmitter<{ written: []; closed: [] }> {
  readonly file: string
  readonly #maxBytes: number
  #descriptor: number
  #size: number
  #closed = false
  #writes = 0

  constructor(file: string, maxBytes: number) {
    super()
    this.setMaxListeners(0)
    this.file = file
    this.#maxBytes = maxBytes
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    this.#descriptor = openSync(file, 'a', 0o600)
    this.#size = fstatSync(this.#descriptor).size
  }

  get closed(): boolean {
    return this.#closed
  }

  /** How often something was written. */
  get writes(): number {
    return this.#writes
  }

  write(chunk: Uint8Array): void {
    if (this.#closed) return
    if (this.#size > 0 && this.#size + chunk.byteLength > this.#maxBytes) this.#rotate()
    let offset = 0
    while (offset < chunk.byteLength) offset += writeSync(this.#descriptor, chunk, offset)
    this.#size += chunk.byteLength
    this.#writes++
    this.emit('written')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#descriptor)
    this.emit('closed')
  }

  #rotate(): void {
    closeSync(this.#descriptor)
    renameSync(this.file, rotated(this.file))
    this.#descriptor = openSync(this.file, 'a', 0o600)
    this.#size = 0
  }
}

/** The last bytes of a log as text, from the beginning of a line where one begins in them; '' where there is none. */
export async function lastLines(file: string, maxBytes: number): Promise<string> {
  if (!existsSync(file)) return ''
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const begin = Math.max(0, size - maxBytes)
    const buffer = Buffer.alloc(size - begin)
    await handle.read(buffer, 0, buffer.byteLength, begin)
    const lineFeed = begin > 0 ? buffer.indexOf(10) : -1
    // A single line that is longer than that is cut.
    return buffer.subarray(lineFeed === buffer.byteLength - 1 ? 0 : lineFeed + 1).toString()
  } finally {
    await handle.close()
  }
}

function rotated(file: string): string {
  return `${file}.1`
}

export interface ReadOptions {
  /** Only the last so many lines of what is there now. */
  tailLines?: number
  /** The writer of the file while its container runs: reading goes on until it closes. */
  follow?: ContainerLog
  signal?: AbortSignal
}

/** The bytes of a log, oldest first. */
export async function* readContainerLog(file: string, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  const opened: FileHandle[] = []
  try {
    for (const path of [rotated(file), file]) if (existsSync(path)) opened.push(await open(path, 'r'))
    const sizes = await Promise.all(opened.map(async (handle) => (await handle.stat()).size))
    let skip = options.tailLines === undefined ? 0 : await offsetOfTail(opened, sizes, options.tailLines)
    for (const [index, handle] of opened.entries()) {
      const size = sizes[index] ?? 0
      yield* readRest(handle, skip, size)
      skip = Math.max(0, skip - size)
    }
    const last = opened.at(-1)
    if (options.follow && last) {
      yield* followLog(file, opened, sizes.at(-1) ?? 0, options.follow, options.signal)
    }
  } finally {
    for (const handle of opened) await handle.close()
  }
}

/** Goes on from `position` in the last of `opened`, into the next file at each rotation, until the writer closes. */
async function* followLog(
  file: string,
  opened: FileHandle[],
  position: number,
  log: ContainerLog,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  while (!signal?.aborted) {
    const current = opened.at(-1)
    if (!current) return
    const { writes, closed } = log
    for await (const chunk of readRest(current, position)) {
      position += chunk.byteLength
      yield chunk
    }
    const newer = await openNewer(file, await identity(current))
    if (newer.length === 0) {
      if (closed) return
      await change(log, writes, signal)
      continue
    }
    opened.push(...newer)
    // Between the read above and the rotation the old file may have grown.
    yield* readRest(current, position)
    for (const passed of newer.slice(0, -1)) yield* readRest(passed, 0)
    position = 0
  }
}

const identity = async (handle: FileHandle): Promise<number> => (await handle.stat()).ino

/** What is newer than the file that `current` identifies, oldest first: a reader may be two rotations behind. */
async function openNewer(file: string, current: number): Promise<FileHandle[]> {
  for (;;) {
    const last = await open(file, 'r')
    const id = await identity(last)
    if (id === current) {
      await last.close()
      return []
    }
    const before = await open(rotated(file), 'r')
    const idBefore = await identity(before)
    if (idBefore !== current && idBefore !== id) return [before, last]
    await before.close()
    if (idBefore === current) return [last]
    // It was rotated between the two.
    await last.close()
  }
}

const CHUNK = 64 * 1024

async function* readRest(
  handle: FileHandle,
  position: number,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  while (position < end) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, end - position))
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Where the last `lines` lines begin, counted through all the files as one; a last line may lack its line feed. */
async function offsetOfTail(handles: readonly FileHandle[], sizes: readonly number[], lines: number): Promise<number> {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (lines <= 0) return total
  let start = total
  let found = 0
  for (let index = handles.length - 1; index >= 0; index--) {
    const size = sizes[index] ?? 0
    start -= size
    for (let end = size; end > 0; end -= CHUNK) {
      const from = Math.max(0, end - CHUNK)
      const buffer = Buffer.alloc(end - from)
      await handles[index]?.read(buffer, 0, buffer.byteLength, from)
      for (let at = buffer.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : buffer.lastIndexOf(10, at - 1)) {
        const next = start + from + at + 1
        if (next === total) continue
        if (++found === lines) return next
      }
    }
  }
  return 0
}

/** Resolves once the log has closed or has more writes than `seen`. */
function change(log: ContainerLog, seen: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (log.closed || log.writes !== seen || signal?.aborted) {
      resolve()
      return
    }
    const finish = () => {
      log.off('written', finish)
      log.off('closed', finish)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    log.on('written', finish)
    log.on('closed', finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
