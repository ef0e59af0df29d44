import type { Estimate } from './bootstrap.ts'

export interface Gate {
  readonly name: string
  /** Such as Recall@10. */
  readonly metric: string
  /** Decimal strings. */
  readonly min?: string | undefined
  readonly max?: string | undefined
  readonly minRelativeToBaseline?: { readonly baseline: string; readonly value: string } | undefined
  /** Decimal string. */
  readonly minDifferenceToChampion?: string | undefined
  readonly judgedBy: 'IntervalBound' | 'Estimate'
}

export interface GateOutcome {
  readonly name: string
  readonly passed: boolean
  /** What was compared. */
  readonly message: string
}

export interface Measurements {
  /** The model's metric of this name. */
  metric(name: string): Estimate | undefined
  /** Relative gain of the model over a baseline in this metric. */
  relativeGain(metric: string, baseline: string): Estimate | undefined
  /** The metric of the model less that of the champion. */
  differenceToChampion(metric: string): Estimate | undefined
}

interface Check {
  readonly passed: boolean
  readonly message: string
}

/** Judges every gate. One whose metric, baseline or champion was not measured does not pass: silence is no evidence. */
export const judgeGates = (gates: readonly Gate[], measurements: Measurements): GateOutcome[] =>
  gates.map((gate) => judgeGate(gate, measurements))

function judgeGate(gate: Gate, measurements: Measurements): GateOutcome {
  const checks: Check[] = []
  const estimate = measurements.metric(gate.metric)
  if (gate.min !== undefined) checks.push(checkLeast(gate.metric, estimate, gate.min, gate.judgedBy))
  if (gate.max !== undefined) checks.push(checkMost(gate.metric, estimate, gate.max, gate.judgedBy))
  if (gate.minRelativeToBaseline !== undefined) {
    const { baseline, value } = gate.minRelativeToBaseline
    const gain = measurements.relativeGain(gate.metric, baseline)
    checks.push(checkLeast(`gain in ${gate.metric} over ${baseline}`, gain, value, gate.judgedBy))
  }
  if (gate.minDifferenceToChampion !== undefined) {
    const difference = measurements.differenceToChampion(gate.metric)
    checks.push(
      checkLeast(`${gate.metric} less the champion's`, difference, gate.minDifferenceToChampion, gate.judgedBy),
    )
  }
  return {
    name: gate.name,
    passed: checks.length > 0 && checks.every(({ passed }) => passed),
    message: checks.map(({ message }) => message).join('; ') || `gate ${gate.name} asks for nothing`,
  }
}

const show = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value))

const describe = (what: string, { mean, low, high }: Estimate): string =>
  `${what} is ${show(mean)} [${show(low)}, ${show(high)}]`

function checkLeast(what: string, estimate: Estimate | undefined, least: string, judgedBy: Gate['judgedBy']): Check {
  if (estimate === undefined) return { passed: false, message: `${what} was not measured` }
  const judged = judgedBy === 'Estimate' ? estimate.mean : estimate.low
  const passed = judged >= Number(least)
  const side = judgedBy === 'Estimate' ? 'mean' : 'lower end'
  return { passed, message: `${describe(what, estimate)}: ${side} ${passed ? 'reaches' : 'is below'} ${least}` }
}

function checkMost(what: string, estimate: Estimate | undefined, most: string, judgedBy: Gate['judgedBy']): Check {
  if (estimate === undefined) return { passed: false, message: `${what} was not measured` }
  const judged = judgedBy === 'Estimate' ? estimate.mean : estimate.high
  const passed = judged <= Number(most)
  const side = judgedBy === 'Estimate' ? 'mean' : 'upper end'
  return { passed, message: `${describe(what, estimate)}: ${side} ${passed ? 'is within' : 'exceeds'} ${most}` }
}
