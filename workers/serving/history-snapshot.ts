// Histories of the users of one Dataset revision, in typed arrays.

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Artifact } from '../artifacts/store.ts'
import { readFloat64File, readUint32File } from '../data/binary-files.ts'
import { filesOf } from '../data/dataset-reader.ts'
import { DATASET_FILES } from '../data/export-dataset.ts'

export interface HistorySnapshot {
  readonly userCount: number
  /** Items of all users, one after the other. */
  readonly events: Uint32Array
  /** Where those of each user begin [users + 1]. */
  readonly offsets: Uint32Array
  /** Where those of the user lie; undefined for an unknown one. */
  rangeOf(user: string): readonly [begin: number, end: number] | undefined
  /** All items of the user, oldest first, as a view; undefined for an unknown user. */
  historyOf(user: string): Uint32Array | undefined
  /** When each was taken, milliseconds since 1970. Absent where the Dataset has no times. */
  readonly timesOf?: (user: string) => Float64Array | undefined
}

/** @param artifact the opened Dataset */
export async function openHistorySnapshot(artifact: Artifact): Promise<HistorySnapshot> {
  const offsets = await readUint32File(artifact.path(DATASET_FILES.offsets))
  const events = await readUint32File(artifact.path(DATASET_FILES.events))
  const times = filesOf(artifact).has(DATASET_FILES.times)
    ? await readFloat64File(artifact.path(DATASET_FILES.times))
    : undefined
  const rows = new Map<string, number>()
  const input = createReadStream(artifact.path(DATASET_FILES.users))
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
    rows.set(JSON.parse(line) as string, rows.size)
  const rangeOf: HistorySnapshot['rangeOf'] = (user) => {
    const row = rows.get(user)
    return row === undefined ? undefined : [offsets[row], offsets[row + 1]]
  }
  return {
    userCount: rows.size,
    events,
    offsets,
    rangeOf,
    historyOf: (user) => {
      const range = rangeOf(user)
      return range && events.subarray(...range)
    },
    ...(times && {
      timesOf: (user) => {
        const range = rangeOf(user)
        return range && times.subarray(...range)
      },
    }),
  }
}
