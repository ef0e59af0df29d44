import type { StudyTerms } from '../study/rows.ts'
import type { ColumnLayout, TableLayout } from '../study/table.ts'
import { publishedGain } from './published.ts'

const cutoffs = [1, 3, 5, 10, 15] as const
const full = 'one-ranker'
/** OneRanker S2, what the parts of step 2 are left out of. */
const stepTwo = 'step-2-only'
const withoutFakeItems = 'step-2-without-fake-items'
/** Leaves out task decoupling as well, so what that adds is the difference to the row that it goes on from. */
const withoutDecoupling = 'step-2-without-decoupling'
/** What the ranker adds beyond the bid of the request and its epochs: rows that have both. */
const withBids = ['step-2-only-with-bids', 'gpr-like-with-bids', 'hstu-with-bids']
/** What an order by chance comes to on the same lists. */
export const chance = 'chance'

const hitRate = (cutoff: number): string => `Sampled/HR@${cutoff}`
const ndcg = (cutoff: number): string => `Sampled/ECPM-RankNormalised-NDCG@${cutoff}`
const ecpmHitRate = (cutoff: number): string => `Sampled/ECPM-HR@${cutoff}`
const overlap = (cutoff: number): string => `Consistency/Overlap@${cutoff}`
const differences = ['Consistency/RankDifference', 'Consistency/RankDifferenceIQR']
const wholeCatalogue = ['Recall@10', 'NDCG@10']

/** HR and graded NDCG by the words of the paper; undefined of what it does not measure. */
function wordsOf(metric: string): { readonly name: 'HR' | 'NDCG'; readonly cutoff: number } | undefined {
  const [, prefix, cutoff] = /^Sampled\/(HR|ECPM-RankNormalised-NDCG)@(\d+)$/.exec(metric) ?? []
  if (cutoff === undefined) return undefined
  return { name: prefix === 'HR' ? 'HR' : 'NDCG', cutoff: Number(cutoff) }
}

function referenceOf(row: string): string {
  if (row === chance) return chance
  if (withBids.includes(row)) return full
  if (row === withoutDecoupling) return withoutFakeItems
  return row.startsWith('step-2-') && row !== stepTwo ? stepTwo : full
}

export const oneRankerTerms: StudyTerms = {
  referenceOf,
  metrics: [
    ...cutoffs.flatMap((cutoff) => [hitRate(cutoff), ecpmHitRate(cutoff), ndcg(cutoff), overlap(cutoff)]),
    ...differences,
    ...wholeCatalogue,
  ],
  isGain: (metric) => !metric.startsWith('Consistency/'),
  publishedDifference(row, metric) {
    const words = wordsOf(metric)
    return words && publishedGain(row, referenceOf(row), words.name, words.cutoff)
  },
  source: 'OneRanker as published',
}

const atFive = (to: string): ColumnLayout[] => [
  { metric: hitRate(5), title: 'HR@5', to },
  { metric: ecpmHitRate(5), title: 'eCPM-HR@5', to },
  { metric: ndcg(5), title: 'NDCG@5', to },
]

/** Tables 1 to 3, and Figure 3 in numbers. */
export const oneRankerTables: readonly TableLayout[] = [
  {
    title:
      'Table 1. A clicked ad among 29 others of its request; eCPM-HR weighs hits, and NDCG takes its gains, by the true eCPM; Recall over the whole catalogue',
    rows: ['hstu', 'gpr-like', full, chance],
    columns: [
      ...cutoffs.map((cutoff) => ({ metric: hitRate(cutoff), title: `HR@${cutoff}` })),
      ...cutoffs.map((cutoff) => ({ metric: ecpmHitRate(cutoff), title: `eCPM-HR@${cutoff}` })),
      ...cutoffs.map((cutoff) => ({ metric: ndcg(cutoff), title: `NDCG@${cutoff}` })),
      ...wholeCatalogue.map((metric) => ({ metric, title: `${metric} of all` })),
    ],
  },
  {
    title: 'Table 2. What each part adds',
    reference: full,
    rows: [full, 'without-consistency', 'without-step-2-memory', 'ranker-on-step-1', stepTwo, 'hstu', 'gpr-like'],
    columns: atFive('to OneRanker'),
  },
  {
    title:
      'Beside Table 2. What the ranker adds to rows that have the logarithm of the bid added to their scores, as it has, and as many epochs',
    reference: full,
    rows: [full, ...withBids],
    columns: atFive('to OneRanker'),
  },
  {
    title: 'Tables 2 and 3. What each part of step 2 adds',
    reference: stepTwo,
    rows: [stepTwo, withoutFakeItems, 'step-2-self-first', 'step-2-full-mask'],
    columns: atFive('to S2'),
  },
  {
    title: 'Table 3. What task decoupling adds where there are no fake items',
    reference: withoutFakeItems,
    rows: [withoutFakeItems, withoutDecoupling],
    columns: atFive('to no fake items'),
  },
  {
    title: 'Figure 3. How far apart the orders of steps 2 and 3 are',
    rows: [full, 'without-consistency', 'without-step-2-memory', 'ranker-on-step-1', chance],
    columns: [
      { metric: differences[0], title: 'ranks apart' },
      { metric: differences[1], title: 'quartiles apart' },
      ...cutoffs.map((cutoff) => ({ metric: overlap(cutoff), title: `overlap@${cutoff}` })),
    ],
  },
]
