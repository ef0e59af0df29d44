import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { estimatePolicy } from '../../../../workers/evaluation/off-policy/estimate-policy.ts'
import { publicData, publicDataFolder } from '../../../support/public-data.ts'
import { actionsOf, type BanditLog } from './simulated-bandit.ts'

const folder = publicDataFolder('open-bandit')
const items = 46

/** Rows of a log of the Open Bandit Dataset (women's campaign), judged under the uniform policy. */
async function readLog(name: string): Promise<BanditLog> {
  const [head, ...lines] = (await readFile(join(folder, `${name}.women.csv`), 'utf8')).trimEnd().split('\n')
  const names = head.split(',')
  const at = (column: string) => names.indexOf(column)
  const rows = lines.map((line) => line.split(','))
  const numbers = (column: string) => Float64Array.from(rows, (row) => Number(row[at(column)]))
  return {
    // Users are not told apart: every row is its own.
    user: Uint32Array.from(rows, (_, row) => row),
    reward: numbers('click'),
    logging: numbers('propensity_score'),
    target: new Float64Array(rows.length).fill(1 / items),
  }
}

beforeEach((context) => {
  publicData('open-bandit', context)
})

describe('the Open Bandit sample', () => {
  const options = {
    estimators: ['IPS', 'SNIPS'] as const,
    clip: Number.POSITIVE_INFINITY,
    rule: { minEffectiveSamples: 1000, minPositives: 100 },
    samples: 200,
    seed: 1,
  }

  test('of the uniform policy, judged as itself, earns its click rate, and is refused for its 46 clicks', async () => {
    const { estimates, conclusion, rows } = estimatePolicy(actionsOf(await readLog('random')), options)
    expect(rows).toBe(10_000)
    expect(estimates.get('IPS')?.mean).toBeCloseTo(0.0046, 10)
    expect(conclusion.effectiveSamples).toBeCloseTo(10_000, 3)
    expect(conclusion.supported).toBe(false)
    expect(conclusion.refusals).toEqual(['it rests on 46 positive rewards, at least 100 are asked for'])
  })

  test('of Thompson sampling, judged as uniform, is refused for its effective sample too', async () => {
    const log = actionsOf(await readLog('bts'))
    const { conclusion, clippedRows } = estimatePolicy(log, options)
    expect(clippedRows).toBe(0)
    expect(conclusion.supported).toBe(false)
    expect(conclusion.refusals).toHaveLength(2)
    expect(conclusion.effectiveSamples).toBeLessThan(1000)
    expect(conclusion.effectivePositives).toBeLessThan(46)
    // Clipping makes the sample look larger; the clicks are as few as before.
    const clipped = estimatePolicy(log, { ...options, clip: 10 }).conclusion
    expect(clipped.effectiveSamples).toBeGreaterThan(conclusion.effectiveSamples)
    expect(clipped.supported).toBe(false)
  })
})
