// What an earlier process of the same Pod left behind.

import { open, readdir, rm } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

const newline = 0x0a
const chunkBytes = 1 << 16

/**
 * Names of the files below the folder that hold at least one line, oldest day and time first; a last line that a crash
 * tore is cut off.
 */
export async function recoverSpool(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names: string[] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (await cutTornLine(path)) names.push(relative(folder, path).split(sep).join('/'))
    else await rm(path)
  }
  return names.sort()
}

/** Whether a whole line is left. */
export async function cutTornLine(path: string): Promise<boolean> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    const buffer = Buffer.alloc(chunkBytes)
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - chunkBytes)
      const { bytesRead } = await file.read(buffer, 0, end - start, start)
      const at = buffer.subarray(0, bytesRead).lastIndexOf(newline)
      if (at >= 0) {
        await file.truncate(start + at + 1)
        return true
      }
      end = start
    }
    return false
  } finally {
    await file.close()
  }
}
