import type { Random } from './clock.ts'

export interface BackoffOptions {
  baseMs: number
  maxMs: number
}

/**
 * Delay before try number `failures` + 1: doubles from `baseMs` up to `maxMs`, of which the upper half is random, so
 * that those who failed together do not come back together.
 */
export function backoffDelay(failures: number, options: BackoffOptions, random: Random): number {
  if (failures <= 0) return 0
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(failures - 1, 52))
  return full / 2 + (full / 2) * random()
}
