// How many page views an audit needs: as many as make Ψ certain enough.

import { type AuditCase, type AuditOptions, type AuditRow, audit, auditDefaults } from './audit.ts'
import type { Mechanism } from './mechanism.ts'
import { type AuditSummary, type SummaryOptions, summarize } from './summary.ts'

/** Ψ as the paper measures it, by its ten multipliers and nothing else: a lower bound of what there is to gain. */
export const publishedSearch: AuditOptions = {
  ...auditDefaults,
  multipliers: [],
  rivals: 0,
  starts: 0,
  refined: 0,
  rounds: 0,
}

export interface SamplingOptions extends SummaryOptions {
  /** Of the 95 % interval of Ψ, by which the audit ends; 0.005 is half a point. */
  readonly halfWidth: number
  /** Page views between two looks at the interval. */
  readonly chunk: number
}

export interface SampledAudit {
  readonly rows: AuditRow[]
  readonly summary: AuditSummary
  /** Whether the interval became that narrow before the cases ran out. */
  readonly precise: boolean
}

const halfWidthOf = ({ psi: { mean } }: AuditSummary): number => (mean.high - mean.low) / 2

/**
 * Audits cases one chunk after the other until Ψ is precise or there are no more. Cases should come in random order; rows
 * count them through from 0. Misreports of equal seeds are equal, whatever the chunk.
 */
export async function auditUntilPrecise(
  mechanism: Mechanism,
  cases: readonly AuditCase[],
  search: AuditOptions,
  options: SamplingOptions,
): Promise<SampledAudit> {
  const { halfWidth, chunk } = options
  const rows: AuditRow[] = []
  for (let start = 0; ; start += chunk) {
    const found = await audit(mechanism, cases.slice(start, start + chunk), { ...search, firstCase: start })
    rows.push(...found)
    const summary = summarize(rows, options)
    // An interval without width comes of too few winners, or of no regret at all: only more cases tell them apart.
    const precise = summary.psi.kept > 1 && summary.requests >= 2 * chunk && halfWidthOf(summary) < halfWidth
    if (precise || start + chunk >= cases.length) return { rows, summary, precise }
  }
}
