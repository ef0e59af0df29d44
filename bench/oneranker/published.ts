/** OneRanker, Tables 1 to 3: private data, sampling not disclosed. Only signs compare. What is not known is left out. */

interface PublishedRow {
  readonly HR: Readonly<Record<number, number>>
  /** With gains by eCPM. */
  readonly NDCG: Readonly<Record<number, number>>
}

/** A row of Tables 2 and 3, at 5. */
const atFive = (hitRate: number, ndcg?: number): PublishedRow => ({
  HR: { 5: hitRate },
  NDCG: ndcg === undefined ? {} : { 5: ndcg },
})

const rows: Readonly<Record<string, PublishedRow>> = {
  hstu: { HR: { 1: 0.1741, 3: 0.3508, 5: 0.4648, 10: 0.6604, 15: 0.7953 }, NDCG: {} },
  'gpr-like': {
    HR: { 1: 0.1824, 3: 0.3703, 5: 0.4935, 10: 0.6957, 15: 0.8207 },
    NDCG: { 1: 0.6823, 5: 0.6818 },
  },
  'one-ranker': {
    HR: { 1: 0.2639, 3: 0.4959, 5: 0.6213, 10: 0.7945, 15: 0.8894 },
    NDCG: { 1: 0.8102, 3: 0.7954, 5: 0.7904, 10: 0.797, 15: 0.8206 },
  },
  'without-consistency': atFive(0.6173, 0.7865),
  'without-step-2-memory': atFive(0.6161, 0.7858),
  'ranker-on-step-1': atFive(0.6157, 0.7849),
  'step-2-only': atFive(0.5448, 0.744),
  'step-2-without-fake-items': atFive(0.5203, 0.7285),
  'step-2-without-decoupling': atFive(0.5066, 0.7275),
  'step-2-self-first': atFive(0.5277),
  'step-2-full-mask': atFive(0.5335),
}

/** The gain of a row over another in the paper, by a metric such as HR@5; undefined where it does not tell. */
export function publishedGain(
  row: string,
  reference: string,
  metric: 'HR' | 'NDCG',
  cutoff: number,
): number | undefined {
  const [ours, theirs] = [rows[row], rows[reference]].map((published) => published?.[metric][cutoff])
  return ours === undefined || theirs === undefined ? undefined : ours / theirs - 1
}
