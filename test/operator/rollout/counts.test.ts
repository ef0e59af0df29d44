import fc from 'fast-check'
import { Counter, Histogram, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { add, countsOf, densities, increase, readCounters, subtract } from '../../../operator/rollout/counts.ts'
import { answerOf, queryUrl } from '../../../operator/rollout/prometheus-query.ts'
import { parseExposition, seriesName, splitSeries } from '../../../operator/rollout/prometheus-text.ts'

describe('an exposition', () => {
  test('of the library that servers use is read as it was counted', async () => {
    const registry = new Registry()
    const registers = [registry]
    const requests = new Counter({ name: 'adloom_rank_requests_total', help: 'h', labelNames: ['code'], registers })
    const seconds = new Histogram({ name: 'adloom_rank_request_seconds', help: 'h', buckets: [0.1, 1], registers })
    const score = new Histogram({ name: 'adloom_rank_score', help: 'h', buckets: [-2, -1, 0], registers })
    requests.inc({ code: '200' }, 7)
    requests.inc({ code: '503' }, 2)
    requests.inc({ code: '400' })
    for (const value of [0.05, 0.5, 0.7, 5]) seconds.observe(value)
    score.observe(-1.5)
    const codes = new Counter({ name: 'adloom_rank_history_codes_total', help: 'h', labelNames: ['code'], registers })
    codes.inc({ code: 2 }, 3)
    codes.inc({ code: 0 }, 0)
    codes.inc({ code: 4_000_000_000 })
    const counts = countsOf(readCounters(await registry.metrics()))
    expect(counts).toMatchObject({ requests: 10, errors: 2, lists: 0, clicks: 0 })
    expect(counts.latency).toEqual([
      { upTo: 0.1, count: 1 },
      { upTo: 1, count: 3 },
      { upTo: Number.POSITIVE_INFINITY, count: 4 },
    ])
    expect(densities(counts.latency)).toEqual([1, 2, 1])
    expect(densities(counts.score)).toEqual([0, 1, 0, 0])
    expect(counts.codes).toEqual([0, 0, 3])
  })

  test('may hold comments, times, escapes and rubbish', () => {
    const text = '# HELP a b\n# TYPE a counter\na{x="q\\"\\\\\\n",y="2"} 3 1700000000\na 1e3\nrubbish\nb +Inf\nc NaN\n'
    const series = parseExposition(text, () => true)
    expect([...series]).toEqual([
      [seriesName('a', { y: '2', x: 'q"\\\n' }), 3],
      ['a', 1000],
      ['b', Number.POSITIVE_INFINITY],
    ])
  })

  test('names a series in one way only', () => {
    const text = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), text, { maxKeys: 4 }), (labels) => {
        const name = seriesName('n', labels)
        expect(seriesName('n', Object.fromEntries(Object.entries(labels).toReversed()))).toBe(name)
        const plain = Object.values(labels).every((value) => /^[ -~]*$/.test(value))
        if (plain) expect(splitSeries(name)).toEqual({ name: 'n', labels: { ...labels } })
      }),
    )
  })
})

test('increases sum up to what was counted, whenever processes begin anew', () => {
  const lives = fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(lives, (processes) => {
      const total = new Map<string, number>()
      let before = new Map<string, number>()
      let counted = 0
      for (const steps of processes) {
        // A process that has counted as much as the one before by its first look cannot be told from it.
        let value = 0
        for (const [place, step] of steps.entries()) {
          value += step
          const isSeen = place > 0 || value < (before.get('a') ?? 0) || before.size === 0
          if (!isSeen) return
          const now = new Map([['a', value]])
          add(total, increase(before, now))
          before = now
        }
        counted += value
      }
      expect(total.get('a')).toBe(counted)
    }),
  )
})

test('one counter that went back sets all of its process back', () => {
  const grown = increase(
    new Map([
      ['a', 10],
      ['b', 1],
    ]),
    new Map([
      ['a', 3],
      ['b', 2],
    ]),
  )
  expect([...grown.values()]).toEqual([3, 2])
  expect([...subtract(grown, new Map([['a', 1]])).values()]).toEqual([2, 2])
})

describe('an answer of Prometheus', () => {
  const vector = (...result: object[]) => JSON.stringify({ status: 'success', data: { resultType: 'vector', result } })
  test.each([
    [vector({ metric: {}, value: [1, '0.25'] }), { value: 0.25 }],
    [JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, '7'] } }), { value: 7 }],
    [vector(), { error: 'the query gives 0 series, not one' }],
    [vector({ value: [1, '1'] }, { value: [1, '2'] }), { error: 'the query gives 2 series, not one' }],
    [vector({ value: [1, 'NaN'] }), { error: 'the query gives NaN, no number' }],
    [JSON.stringify({ status: 'error', error: 'parse error' }), { error: 'Prometheus refused the query: parse error' }],
    ['<html>', { error: 'Prometheus answered something that is no JSON' }],
    [
      JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } }),
      { error: 'the query gives a matrix, not one number' },
    ],
  ])('%s', (text, expected) => {
    expect(answerOf(text)).toEqual(expected)
  })

  test('is asked for below any path', () => {
    expect(queryUrl('http://host/prometheus/', 'a{b="c d"}')).toBe(
      'http://host/prometheus/api/v1/query?query=a%7Bb%3D%22c+d%22%7D',
    )
  })
})
