import type { PipelineObservation } from './observation.ts'

export interface Drift {
  signal: string
  message: string
}

/** Where the world is out of the bounds that the spec draws round what the champion learned. */
export function driftsOf({ spec, followers, popularityPsi, status }: PipelineObservation): Drift[] {
  const { drift } = spec.triggers
  const champion = status.champion?.digest
  if (!drift || champion === undefined) return []
  // What serves another model says nothing of the champion.
  const serving = followers.filter(({ stableDigest }) => stableDigest === champion)
  const online = (metric: string) =>
    serving.flatMap(({ name, online: { [metric]: value } }) => (value === undefined ? [] : [{ name, value }]))
  const drifts: Drift[] = []
  if (drift.itemPopularity && popularityPsi !== undefined && popularityPsi > Number(drift.itemPopularity.maxPsi)) {
    const message = `item popularity moved by a PSI of ${popularityPsi.toFixed(3)}, more than ${drift.itemPopularity.maxPsi}`
    drifts.push({ signal: 'itemPopularity', message })
  }
  for (const { name, value } of drift.scores ? online('scorePsi') : []) {
    if (Number(value) <= Number(drift.scores?.maxPsi)) continue
    const message = `scores of RankerDeployment "${name}" moved by a PSI of ${value}, more than ${drift.scores?.maxPsi}`
    drifts.push({ signal: 'scores', message })
  }
  for (const { metric, min, max } of drift.onlineMetrics ?? []) {
    for (const { name, value } of online(metric)) {
      const problem = outside(Number(value), min, max)
      if (problem)
        drifts.push({ signal: metric, message: `${metric} of RankerDeployment "${name}" is ${value}, ${problem}` })
    }
  }
  return drifts
}

function outside(value: number, min: string | undefined, max: string | undefined): string | undefined {
  if (min !== undefined && value < Number(min)) return `below ${min}`
  return max !== undefined && value > Number(max) ? `above ${max}` : undefined
}
