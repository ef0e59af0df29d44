import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AnalysisMetric, MetricResult } from '../../../crds/rollout.ts'
import { type AnalysisInput, analyse, dueQueries } from '../../../operator/rollout/analysis.ts'
import type { Counts } from '../../../operator/rollout/counts.ts'
import { judge, type TrackEvidence } from '../../../operator/rollout/measure.ts'

const metric = (fields: Partial<AnalysisMetric>): AnalysisMetric => ({
  name: 'metric',
  type: 'ErrorRate',
  quantilePercent: 95,
  intervalSeconds: 60,
  count: 3,
  failureLimit: 0,
  consecutiveErrorLimit: 1,
  ...fields,
})

const nothing: Counts = {
  requests: 0,
  errors: 0,
  lists: 0,
  emptyLists: 0,
  impressions: 0,
  clicks: 0,
  conversions: 0,
  eventValue: 0,
  latency: [],
  score: [],
  codes: [],
}
const track = (counts: Partial<Counts>, parts: TrackEvidence['parts'] = []): TrackEvidence => ({
  counts: { ...nothing, ...counts },
  parts,
})
const cumulative = (counts: number[]) => {
  let sum = 0
  return counts.map((count, place) => {
    sum += count
    return { upTo: place === counts.length - 1 ? Number.POSITIVE_INFINITY : (place + 1) / 10, count: sum }
  })
}
const parts = (values: number[]) => values.map((eventValue) => ({ requests: 100, eventValue }))

const table: Record<
  string,
  [metric: Partial<AnalysisMetric>, stable: TrackEvidence, canary: TrackEvidence, verdict: string]
> = {
  'few errors keep a bound': [{ max: '0.02' }, track({}), track({ requests: 10_000, errors: 100 }), 'Pass'],
  'many errors break it': [{ max: '0.02' }, track({}), track({ requests: 10_000, errors: 400 }), 'Fail'],
  'few requests say nothing': [{ max: '0.02' }, track({}), track({ requests: 20, errors: 0 }), 'Inconclusive'],
  'no requests say nothing': [{ max: '0.02' }, track({}), track({}), 'Inconclusive'],
  'as many errors as stable are within a margin': [
    { maxDifferenceToStable: '0.01' },
    track({ requests: 50_000, errors: 2500 }),
    track({ requests: 20_000, errors: 1000 }),
    'Pass',
  ],
  'more errors than stable are not': [
    { maxDifferenceToStable: '0.01' },
    track({ requests: 50_000, errors: 500 }),
    track({ requests: 20_000, errors: 1000 }),
    'Fail',
  ],
  'without stable there is no difference': [
    { maxDifferenceToStable: '0.01' },
    track({}),
    track({ requests: 20_000, errors: 1000 }),
    'Inconclusive',
  ],
  'empty lists are counted': [
    { type: 'EmptyListShare', max: '0.1' },
    track({}),
    track({ lists: 1000, emptyLists: 900 }),
    'Fail',
  ],
  'clicks that stay up': [
    { type: 'ClickThroughRate', minRelativeToStable: '0.9' },
    track({ impressions: 100_000, clicks: 5000 }),
    track({ impressions: 50_000, clicks: 2500 }),
    'Pass',
  ],
  'clicks that fall': [
    { type: 'ClickThroughRate', minRelativeToStable: '0.9' },
    track({ impressions: 100_000, clicks: 5000 }),
    track({ impressions: 50_000, clicks: 1500 }),
    'Fail',
  ],
  'a slow canary': [
    { type: 'LatencyQuantile', max: '0.25' },
    track({}),
    track({ latency: cumulative([0, 0, 0, 1000, 0]) }),
    'Fail',
  ],
  'a fast canary': [
    { type: 'LatencyQuantile', max: '0.25' },
    track({}),
    track({ latency: cumulative([1000, 0, 0, 0, 0]) }),
    'Pass',
  ],
  'revenue as before': [
    { type: 'RevenuePerRequest', minRelativeToStable: '0.8' },
    track({ requests: 500 }, parts([100, 102, 98, 101, 99])),
    track({ requests: 500 }, parts([101, 99, 100, 98, 102])),
    'Pass',
  ],
  'revenue that falls': [
    { type: 'RevenuePerRequest', minRelativeToStable: '0.8' },
    track({ requests: 500 }, parts([100, 102, 98, 101, 99])),
    track({ requests: 500 }, parts([51, 49, 50, 48, 52])),
    'Fail',
  ],
  'revenue of one piece of time is not known': [
    { type: 'RevenuePerRequest', min: '0.1' },
    track({}),
    track({ requests: 100 }, parts([100])),
    'Inconclusive',
  ],
  'scores as before': [
    { type: 'ScoreDistribution', max: '0.25' },
    track({ score: cumulative([1000, 2000, 1000]) }),
    track({ score: cumulative([500, 1000, 500]) }),
    'Pass',
  ],
  'other scores': [
    { type: 'ScoreDistribution', max: '0.25' },
    track({ score: cumulative([1000, 2000, 1000]) }),
    track({ score: cumulative([1000, 20, 20]) }),
    'Fail',
  ],
  'one bound of several that is broken decides': [
    { max: '0.5', min: '0.2' },
    track({}),
    track({ requests: 10_000, errors: 100 }),
    'Fail',
  ],
}

test.each(Object.entries(table))('%s', (_, [fields, stable, canary, verdict]) => {
  expect(judge(metric(fields), { stable, canary })).toMatchObject({ verdict })
})

const start = Date.parse('2026-01-01T00:00:00Z')
const good = { stable: track({}), canary: track({ requests: 10_000, errors: 10 }) }
const bad = { stable: track({}), canary: track({ requests: 10_000, errors: 5000 }) }
const unsure = { stable: track({}), canary: track({ requests: 10, errors: 0 }) }

/** Looks once every ten seconds until it is over. */
function follow(metrics: AnalysisMetric[], at: (seconds: number) => Partial<AnalysisInput>, limit = 2000) {
  let results: MetricResult[] = []
  for (let seconds = 0; seconds <= limit; seconds += 10) {
    const input = { now: start + seconds * 1000, startedAt: start, answers: new Map(), ...at(seconds) }
    const state = analyse(metrics, results, input)
    results = state.results
    if (state.outcome !== 'Running') return { ...state, seconds }
    expect(state.waitMs).toBeGreaterThan(0)
    expect(state.waitMs).toBeLessThan(Number.POSITIVE_INFINITY)
  }
  throw new Error('it never ended')
}

describe('an analysis', () => {
  const bounded = metric({ max: '0.02' })

  test('passes after as many measurements as it takes, one an interval', () => {
    expect(follow([bounded], () => ({ evidence: good }))).toMatchObject({
      outcome: 'Passed',
      seconds: 180,
      results: [{ measurements: 3, failures: 0, outcome: 'Passed', value: '0.001' }],
    })
  })

  test('fails with the first failure too many', () => {
    expect(follow([bounded], () => ({ evidence: bad }))).toMatchObject({ outcome: 'Failed', seconds: 60 })
    const patient = metric({ max: '0.02', failureLimit: 1 })
    expect(follow([patient], () => ({ evidence: bad }))).toMatchObject({ outcome: 'Failed', seconds: 120 })
  })

  test('goes by its last measurement, which has seen most', () => {
    const patient = metric({ max: '0.02', failureLimit: 3 })
    const mends = (seconds: number) => ({ evidence: seconds < 180 ? bad : good })
    expect(follow([patient], mends)).toMatchObject({ outcome: 'Passed', results: [{ failures: 2 }] })
    const breaks = (seconds: number) => ({ evidence: seconds < 180 ? good : bad })
    expect(follow([patient], breaks)).toMatchObject({ outcome: 'Failed', results: [{ failures: 1 }] })
  })

  test('is inconclusive when its last measurement is', () => {
    expect(follow([bounded], () => ({ evidence: unsure }))).toMatchObject({ outcome: 'Inconclusive', seconds: 180 })
  })

  test('bears errors now and then, and fails by too many in a row', () => {
    const flaky = (seconds: number) => (Math.floor(seconds / 60) % 2 ? { problem: 'away' } : { evidence: good })
    expect(follow([bounded], flaky)).toMatchObject({ outcome: 'Passed', seconds: 360 })
    expect(follow([bounded], () => ({ problem: 'away' }))).toMatchObject({
      outcome: 'Failed',
      seconds: 120,
      message: 'metric: away',
      results: [{ outcome: 'Error', measurements: 0 }],
    })
  })

  test('waits for an answer of Prometheus, and is measured by it', () => {
    const query = metric({ type: 'Prometheus', max: '1', prometheus: { url: 'http://host', query: 'q' }, count: 1 })
    expect(dueQueries([query, bounded], [], { now: start + 59_000, startedAt: start })).toEqual([])
    expect(dueQueries([query, bounded], [], { now: start + 60_000, startedAt: start })).toEqual([query])
    const answer = (value: number) => (seconds: number) => ({
      answers: new Map(seconds < 100 ? [] : [['metric', { value }] as const]),
    })
    expect(follow([query], answer(0.5))).toMatchObject({ outcome: 'Passed', seconds: 100 })
    expect(follow([query], answer(2))).toMatchObject({
      outcome: 'Failed',
      message: 'metric: the canary has 2, at most 1 is allowed',
    })
  })

  test('of several metrics passes when all do', () => {
    const other = metric({ name: 'other', max: '0.02', intervalSeconds: 30 })
    expect(follow([bounded, other], () => ({ evidence: good }))).toMatchObject({ outcome: 'Passed', seconds: 180 })
    const strict = metric({ name: 'other', max: '0.0001' })
    expect(follow([bounded, strict], () => ({ evidence: good }))).toMatchObject({ outcome: 'Failed' })
  })

  test('ends, and what is over stays', () => {
    const evidence = fc.constantFrom<Partial<AnalysisInput>>(
      { evidence: good },
      { evidence: bad },
      { evidence: unsure },
      { problem: 'away' },
    )
    fc.assert(
      fc.property(
        fc.infiniteStream(evidence),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(3),
        fc.nat(3),
        (stream, count, failureLimit, consecutiveErrorLimit) => {
          const one = metric({ max: '0.02', count, failureLimit, consecutiveErrorLimit })
          const { results, outcome } = follow([one], () => stream.next().value ?? {}, 20_000)
          const later = { now: start + 1e9, startedAt: start, answers: new Map(), evidence: bad }
          expect(analyse([one], results, later)).toMatchObject({ outcome, results })
        },
      ),
    )
  })
})
