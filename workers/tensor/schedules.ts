// Learning rates and bias corrections as pure functions of the step, which counts from 1.

export type Schedule =
  | { readonly kind: 'constant'; readonly peak: number; readonly warmupSteps?: number }
  | {
      readonly kind: 'cosine'
      readonly peak: number
      readonly warmupSteps?: number
      readonly totalSteps: number
      /** Share of the peak that is left at the end; 0 unless said. */
      readonly floor?: number
    }
  | { readonly kind: 'inverseSquareRoot'; readonly peak: number; readonly warmupSteps: number }

/** Linear from zero over the warm-up steps, then constant, cosine to the floor, or peak * sqrt(warmup / step). */
export const learningRate = (schedule: Schedule, step: number): number => {
  const warmup = schedule.warmupSteps ?? 0
  if (step < warmup) return (schedule.peak * step) / warmup
  if (schedule.kind === 'constant') return schedule.peak
  if (schedule.kind === 'inverseSquareRoot') return schedule.peak * Math.sqrt(Math.max(warmup, 1) / Math.max(step, 1))
  const floor = schedule.floor ?? 0
  const progress = Math.min(1, (step - warmup) / Math.max(1, schedule.totalSteps - warmup))
  return schedule.peak * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress)))
}

/** What changes from step to step in the optimiser: inputs of the step graph. */
export interface StepScalars {
  readonly learningRate: number
  /** 1 / (1 - beta1^step) */
  readonly firstCorrection: number
  /** 1 / (1 - beta2^step) */
  readonly secondCorrection: number
}

export const stepScalars = (schedule: Schedule, betas: readonly [number, number], step: number): StepScalars => ({
  learningRate: learningRate(schedule, step),
  firstCorrection: 1 / (1 - betas[0] ** step),
  secondCorrection: 1 / (1 - betas[1] ** step),
})
