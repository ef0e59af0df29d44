import type { RunStatus } from '../../crds/run.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { findCondition } from '../control/conditions.ts'

export interface ShownObject extends KubernetesObject {
  status?: Pick<RunStatus, 'observedGeneration' | 'conditions' | 'state' | 'progress' | 'artifact'>
}

const barWidth = 24

/** One line an object: kind, name, state, bar, time left and the latest numbers. */
export function progressTable(objects: readonly ShownObject[], columns: number): string[] {
  const rows = objects.map(({ kind, metadata, status }) => [
    kind,
    metadata.name,
    status?.state ?? 'Pending',
    progressWords(status?.progress),
  ])
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
      .slice(0, columns),
  )
}

function progressWords(progress: RunStatus['progress']): string {
  if (!progress) return ''
  const { percent, phase, estimatedSecondsRemaining: left, metrics = [] } = progress
  const numbers = metrics.slice(0, 3).map(({ name, value }) => `${name} ${value}`)
  const eta = left === undefined || percent === 100 ? '' : `${duration(left)} left`
  return [bar(percent), `${String(percent).padStart(3)} %`, percent === 100 ? '' : phase, eta, ...numbers]
    .filter((words) => words !== '')
    .join('  ')
}

function bar(percent: number): string {
  const full = Math.round((percent / 100) * barWidth)
  return '█'.repeat(full) + '░'.repeat(barWidth - full)
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** What changed since the last look, in lines, for where no table can be redrawn. */
export function changedLines(
  before: ReadonlyMap<string, string>,
  objects: readonly ShownObject[],
): Map<string, string> {
  const lines = new Map<string, string>()
  for (const { kind, metadata, status } of objects) {
    const quarter = Math.floor((status?.progress?.percent ?? 0) / 25) * 25
    const state = status?.state ?? 'Pending'
    const key = `${kind}/${metadata.name}`
    const words = `${key} ${state}${quarter > 0 && quarter < 100 ? ` ${quarter} %` : ''}`
    if (before.get(key) !== words) lines.set(key, words)
  }
  return lines
}

/** How far an object is, as kstatus reads it. */
export function settledState(object: ShownObject): 'Current' | 'Failed' | 'InProgress' {
  const { status, metadata } = object
  if (!status || status.observedGeneration !== metadata.generation) return 'InProgress'
  if (findCondition(status.conditions, 'Stalled')?.status === 'True') return 'Failed'
  return findCondition(status.conditions, 'Ready')?.status === 'True' ? 'Current' : 'InProgress'
}
