// Whether a search found what there is: the budget is doubled until more of it finds no more.

import { type AuditCase, type AuditOptions, type AuditRow, audit, type SearchBudget } from './audit.ts'
import type { Mechanism } from './mechanism.ts'

export interface BudgetPoint extends SearchBudget {
  /** Mean regret per ad. */
  readonly regret: number
}

export interface ConvergedAudit {
  /** Under the last budget. */
  readonly rows: AuditRow[]
  /** Budget by budget. */
  readonly curve: BudgetPoint[]
  /** Whether the last doubling moved the mean by less than the tolerance. */
  readonly converged: boolean
}

/** @param doublings at most so many */
export async function auditUntilConverged(
  mechanism: Mechanism,
  cases: readonly AuditCase[],
  options: AuditOptions,
  { tolerance = 0.02, doublings = 4 } = {},
): Promise<ConvergedAudit> {
  const curve: BudgetPoint[] = []
  let { starts, refined, rounds } = options
  for (;;) {
    const rows = await audit(mechanism, cases, { ...options, starts, refined, rounds })
    const regret = rows.reduce((sum, row) => sum + row.regret, 0) / rows.length
    const before = curve.at(-1)
    curve.push({ starts, refined, rounds, regret })
    const converged = before !== undefined && Math.abs(regret - before.regret) <= tolerance * before.regret
    if (converged || curve.length > doublings) return { rows, curve, converged }
    starts *= 2
    refined *= 2
    rounds += 2
  }
}
