// Follows a small file that is replaced as a whole, as those of a ConfigMap in a volume are.

import { readFile } from 'node:fs/promises'
import type { Timers } from '../micro-batcher.ts'

export interface FollowFileOptions {
  readonly timers: Timers
  /** Milliseconds between two looks: cheaper than a watch, which loses the file when a link above it moves. */
  readonly periodMilliseconds?: number
  /** Told of each other content; undefined for a file that is not there. */
  onChange(text: string | undefined): void
  /** The file is there and cannot be read; it is tried again. */
  onError(error: unknown): void
}

export interface FollowedFile {
  /** What the first look found. */
  readonly first: string | undefined
  stop(): void
}

/** In between a reader can find a link whose end was just replaced: only a file that is away twice is gone. */
const looksUntilGone = 2

/** Looks once, then again and again until it is stopped. */
export async function followFile(path: string, options: FollowFileOptions): Promise<FollowedFile> {
  const { timers, periodMilliseconds = 1000, onChange, onError } = options
  let known = await read(path).catch((error: unknown) => {
    onError(error)
    return undefined
  })
  const first = known
  let missed = 0
  let stopped = false
  let forget = () => {}
  const look = async () => {
    try {
      const text = await read(path)
      missed = text === undefined ? missed + 1 : 0
      const isNews = text !== known && (text !== undefined || missed >= looksUntilGone)
      if (isNews && !stopped) {
        known = text
        onChange(text)
      }
    } catch (error) {
      onError(error)
    }
    later()
  }
  const later = () => {
    if (!stopped) forget = timers.after(periodMilliseconds, () => void look())
  }
  later()
  return {
    first,
    stop() {
      stopped = true
      forget()
    },
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
