import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { publicData, publicDataFolder } from '../../../support/public-data.ts'
import { type LogFiles, loggedWorld, wholeTestPart } from './logged-world.ts'

/** Logged requests that are held again. */
const held = 2000
const folder = publicDataFolder('open-bandit')

beforeEach((context) => {
  publicData('open-bandit', context)
})

/** As the guide on advertising tables shows it with sed and awk. */
async function filesOf(policy: string): Promise<LogFiles> {
  const text = await readFile(join(folder, `${policy}.women.csv`), 'utf8')
  const items = await readFile(join(folder, `${policy}.women.item_context.csv`), 'utf8')
  const rowsOf = (file: string) =>
    file
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
  const clicks = rowsOf(text).filter((row) => row[4] === '1')
  const lines = (head: string, rows: readonly (readonly string[])[]) => [head, ...rows].map(String).join('\n')
  return {
    // The first column, the number of the row, has no name.
    views: `view${text}`,
    // Clicks by those who are alike: users are not told apart.
    clicks: lines(
      'user,item,time',
      clicks.map((row) => [row.slice(6, 10).join(''), row[2], row[1]]),
    ),
    ads: lines(
      'item,name,advertiser,bid',
      rowsOf(items).map(([, item, , ...features]) => [item, features.join(' '), 'shop', '1']),
    ),
  }
}

test.each(['random', 'bts'])(
  'the log of the policy %s is read whole, and refuses a conclusion about a model for its effective sample',
  async (policy) => {
    const world = await loggedWorld(await filesOf(policy), {
      lists: 'Entries',
      listLength: 3,
      hasUsers: false,
      rewardEpochs: 1,
    })
    onTestFinished(() => rm(world.folder, { recursive: true, force: true }))
    expect(world.summary).toMatchObject({ items: 46, interactions: 46, badRows: 0 })
    expect(world.summary.advertising).toMatchObject({ requests: 10_000, exposures: 10_000, clicks: 46 })
    const gate = { name: 'clicks', metric: 'OffPolicy/DR', min: '0', judgedBy: 'Estimate' }
    const { summary } = await world.evaluate({
      market: { ...wholeTestPart, requests: held },
      offPolicy: { estimators: ['IPS', 'SNIPS', 'DR'] },
      gates: [gate],
    })
    const { offPolicy, metrics, gates } = summary
    expect(offPolicy).toMatchObject({
      supported: false,
      propensities: 'Marginal',
      rows: held,
      message: expect.stringMatching(/the effective sample size is [\d.]+, at least 1000 is asked for/),
    })
    expect(offPolicy?.effectiveSamples).toBeGreaterThan(1)
    expect(offPolicy?.effectiveSamples).toBeLessThan(1000)
    expect(metrics.filter(({ name }) => name.startsWith('OffPolicy/'))).toEqual([])
    expect(gates).toMatchObject([{ name: 'clicks', passed: false }])
  },
  240_000,
)
