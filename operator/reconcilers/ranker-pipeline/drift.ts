import type { Measured, PipelineObservation } from './observation.ts'

export interface Drift {
  signal: string
  message: string
}

type Online = (metric: string) => { name: string; value: Measured }[]
type Bounds = NonNullable<PipelineObservation['spec']['triggers']['drift']>

/**
 * Where the world is out of the bounds that the spec draws round what the champion learned. A number from online counts
 * is out only when it is with all its uncertainty: three impressions without a click say nothing of a click rate.
 */
export function driftsOf({ spec, followers, popularityPsi, status }: PipelineObservation): Drift[] {
  const { drift } = spec.triggers
  const champion = status.champion?.digest
  if (!drift || champion === undefined) return []
  // What serves another model says nothing of the champion.
  const serving = followers.filter(({ stableDigest }) => stableDigest === champion)
  const online: Online = (metric) =>
    serving.flatMap(({ name, online: { [metric]: value } }) => (value === undefined ? [] : [{ name, value }]))
  return [
    ...popularityDrift(drift, popularityPsi),
    ...distributionDrift('scores', 'scorePsi', drift, online),
    ...distributionDrift('codes', 'codePsi', drift, online),
    ...metricDrift(drift, online),
  ]
}

function popularityDrift({ itemPopularity }: Bounds, psi: number | undefined): Drift[] {
  if (!itemPopularity || psi === undefined || psi <= Number(itemPopularity.maxPsi)) return []
  const message = `item popularity moved by a PSI of ${psi.toFixed(3)}, more than ${itemPopularity.maxPsi}`
  return [{ signal: 'itemPopularity', message }]
}

function distributionDrift(signal: 'scores' | 'codes', metric: string, drift: Bounds, online: Online): Drift[] {
  const bound = drift[signal]?.maxPsi
  if (bound === undefined) return []
  return online(metric)
    .filter(({ value }) => outside(value, undefined, bound))
    .map(({ name, value }) => ({
      signal,
      message: `${signal} of RankerDeployment "${name}" moved by a PSI of ${words(value)}, more than ${bound}`,
    }))
}

const metricDrift = ({ onlineMetrics = [] }: Bounds, online: Online): Drift[] =>
  onlineMetrics.flatMap(({ metric, min, max }) =>
    online(metric).flatMap(({ name, value }) => {
      const problem = outside(value, min, max)
      if (!problem) return []
      return [{ signal: metric, message: `${metric} of RankerDeployment "${name}" is ${words(value)}, ${problem}` }]
    }),
  )

function outside({ value, uncertainty }: Measured, min?: string, max?: string): string | undefined {
  if (min !== undefined && value + uncertainty < Number(min)) return `below ${min}`
  return max !== undefined && value - uncertainty > Number(max) ? `above ${max}` : undefined
}

const words = ({ value, uncertainty }: Measured): string => `${value}${uncertainty > 0 ? ` ± ${uncertainty}` : ''}`
