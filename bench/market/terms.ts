import { judgedColumn } from '../../workers/evaluation/market/outcomes.ts'
import type { StudyTerms } from '../study/rows.ts'
import type { TableLayout } from '../study/table.ts'

const reference = 'ega-v2'

/** Evaluations that are compared, and what each is called. */
export const mechanisms = ['cascade', reference, 'one-ranker-gsp', 'one-ranker-payment-network'] as const

export const latencyMetric = 'latency p50'

const judges = ['Truth', 'HeldOut'] as const
const judged = [
  ['RPM', 'RPM', 'gain'],
  ['CTR', 'CTR', 'gain'],
  ['AdvertiserUtility', 'utility', 'gain'],
  ['Psi', 'Psi', 'difference'],
  ['RelativeRegret', 'regret', 'difference'],
] as const
const gains = judged.flatMap(([metric, , how]) =>
  how === 'gain' ? judges.map((judge) => judgedColumn(judge, metric)) : [],
)

export const marketTerms: StudyTerms = {
  referenceOf: () => reference,
  metrics: [
    ...judges.flatMap((judge) => judged.map(([metric]) => judgedColumn(judge, metric))),
    ...['AdsPerList', 'IRViolations'],
  ],
  isGain: (metric) => gains.some((gain) => gain === metric),
  publishedDifference: () => undefined,
  source: '',
}

/** One a judge. */
export const marketTables: readonly TableLayout[] = judges.map((judge) => ({
  title: `As ${judge} judges, with 95 % intervals over requests; gains and differences to EGA-V2`,
  columns: [
    ...judged.map(([metric, title]) => ({ metric: judgedColumn(judge, metric), title, to: 'to EGA-V2' })),
    { metric: 'AdsPerList', title: 'ads a list', plain: true },
    { metric: 'IRViolations', title: 'IR violations', plain: true },
    { metric: 'audited requests', title: 'audited', plain: true },
    { metric: latencyMetric, title: 'p50 ms', plain: true },
  ],
}))
