/** What a log must hold before anything is concluded from it. */
export interface SupportRule {
  /** Least effective sample size (Kish) of the weights as they are used, at every depth of a list where they multiply. */
  readonly minEffectiveSamples: number
  /**
   * Least number of positive rewards that the estimate rests on, counted as Kish does: as many as there are where all
   * weigh the same, fewer where a handful decides.
   */
  readonly minPositives: number
}

export interface Support {
  readonly effectiveSamples: number
  readonly effectivePositives: number
}

export interface Conclusion extends Support {
  readonly supported: boolean
  /** Why not, one after the other; empty where it is. */
  readonly refusals: readonly string[]
}

/** Whether the log says enough. Too few rewards decide nothing, however many rows there are. */
export function conclude(support: Support, { minEffectiveSamples, minPositives }: SupportRule): Conclusion {
  const { effectiveSamples, effectivePositives } = support
  const refusals: string[] = []
  if (!(effectiveSamples >= minEffectiveSamples))
    refusals.push(
      `the effective sample size is ${shown(effectiveSamples)}, at least ${minEffectiveSamples} is asked for`,
    )
  if (!(effectivePositives >= minPositives))
    refusals.push(`it rests on ${shown(effectivePositives)} positive rewards, at least ${minPositives} are asked for`)
  return { ...support, supported: refusals.length === 0, refusals }
}

const shown = (value: number): string => String(Math.round(value * 10) / 10)
