import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { destination, pino } from 'pino'
import type { Log } from '../cluster/log.ts'

/** Structured log on standard output, or in a file where standard output belongs to a person. */
export function createLog(file?: string): Log {
  const level = process.env.ADLOOM_LOG_LEVEL ?? 'info'
  if (file === undefined) return pino({ level })
  mkdirSync(dirname(file), { recursive: true })
  return pino({ level }, destination({ dest: file, sync: false }))
}
