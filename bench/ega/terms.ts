import { judgedColumn } from '../../workers/evaluation/market/outcomes.ts'
import type { StudyTerms } from '../study/rows.ts'
import type { TableLayout } from '../study/table.ts'
import { publishedDifference } from './published.ts'

/** What all others are compared with. */
const reference = 'ega-v2'
/** The lists of one search, as the paper has them. What leaves a part of the model out, or weighs codes otherwise, does so there. */
const ownLists = 'ega-one-search'
const ofOwnLists = /^(ega-(without-mtp|average-bid|one-stage|own-bids|list-bids)|alpha-|beta-)/
/** Audited for longer, with a search; prices of one allocation. */
const audits = ['audit-ega-v2', 'audit-vcg', 'audit-critical-bid', 'audit-gsp']
/** Under bids that answer the mechanism, likewise. */
const answered = '-best-response'
/** Allocations under bids that weigh codes in other ways; each is the reference of its own other prices. */
const otherBids = ['ega-own-bids', 'ega-list-bids']
const judges = ['Model', 'HeldOut', 'Truth'] as const
const judgedMetrics = [
  'RPM',
  'CTR',
  'CreativeCTR',
  'Psi',
  'PsiDropped',
  'RelativeRegret',
  'RegretToUtility',
  'MonotonicityViolations',
  'SearchPsi',
  'SearchRegretToUtility',
]
const facts = ['AdsPerList', 'IRViolations']

const nameOf = (metric: string): string => metric.split('/').at(-1) ?? metric

export const egaTerms: StudyTerms = {
  /** The mechanism under the same bids: another price is compared with the network's price of the same allocation. */
  referenceOf(row) {
    if (audits.includes(row)) return audits[0]
    const suffix = row.endsWith(answered) ? answered : ''
    const priced = otherBids.find((each) => row.startsWith(`${each}-`))
    return priced ?? `${ofOwnLists.test(row) ? ownLists : reference}${suffix}`
  },
  metrics: [...judges.flatMap((judge) => judgedMetrics.map((metric) => judgedColumn(judge, metric))), ...facts],
  isGain: (metric) => ['RPM', 'CTR', 'CreativeCTR'].includes(nameOf(metric)),
  publishedDifference: (row, metric) => publishedDifference(row, nameOf(metric)),
  source: 'EGA-V2 as published (arXiv 2505.17549v3)',
}

const titles: readonly (readonly [metric: string, title: string])[] = [
  ['RPM', 'RPM'],
  ['CTR', 'CTR-poi'],
  ['CreativeCTR', 'CTR-img'],
  ['Psi', 'Psi'],
]

const incentives: readonly (readonly [metric: string, title: string])[] = [
  ['Psi', 'Psi'],
  ['RegretToUtility', 'regret / utility'],
  ['SearchPsi', 'Psi, searched'],
  ['SearchRegretToUtility', 'regret / utility, searched'],
]

/** One a judge, then one of incentives a judge. */
export const egaTables: readonly TableLayout[] = [
  ...judges.toReversed().map((judge) => ({
    title: `As ${judge} judges, with 95 % intervals over requests; differences to ${reference}, of rows that leave a part out to ${ownLists}`,
    columns: [
      ...titles.map(([metric, title]) => ({ metric: judgedColumn(judge, metric), title, to: 'difference' })),
      { metric: 'AdsPerList', title: 'ads a list', plain: true },
      { metric: 'IRViolations', title: 'IR violations', plain: true },
      { metric: 'audited requests', title: 'audited', plain: true },
    ],
  })),
  ...judges.toReversed().map((judge) => ({
    title: `Incentives as ${judge} has them: by the ten multipliers, until the widest half-width of Psi under any judge is at most 0.005, and by the search`,
    rows: audits,
    columns: [
      ...incentives.map(([metric, title]) => ({ metric: judgedColumn(judge, metric), title })),
      { metric: 'audited requests', title: 'audited', plain: true },
      { metric: 'half-width of Psi', title: 'half-width', plain: true },
      { metric: 'precise seeds', title: 'precise seeds', plain: true },
    ],
  })),
]
