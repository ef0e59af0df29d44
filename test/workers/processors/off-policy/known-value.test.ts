import { rm } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDataset } from '../../../../workers/data/dataset-reader.ts'
import { slotOf } from '../../../../workers/data/market/exposed-entries.ts'
import { openMarket } from '../../../../workers/data/market/open-market.ts'
import { readMarkets } from '../../../../workers/evaluation/market/market-files.ts'
import { columnOf } from '../../../../workers/evaluation/market/table.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { type LogFiles, type LoggedWorld, loggedWorld, wholeTestPart } from './logged-world.ts'

/** Chance of a click on each item in the first slot; further down it is as many times lower. */
const chances = [0.1, 0.15, 0.2, 0.3, 0.45, 0.6]
const fading = [1, 0.7, 0.4]
const chanceOf = (item: number, slot: number): number => chances[item] * fading[slot]
const views = 5000

/** Page views of a policy that shows any item anywhere equally often; one entry of each is logged, wherever it stood. */
function logOf(slots: number): LogFiles {
  const random = new Random('known-value', slots)
  const lines = Array.from({ length: views }, (_, view) => {
    const [item, slot] = [random.below(chances.length), random.below(slots)]
    const click = Number(random.uniform() < chanceOf(item, slot))
    return { view: `v${view}`, user: `u${random.below(300)}`, time: 1_600_000_000 + 60 * view, item, slot, click }
  })
  const clicked = lines.filter(({ click }) => click === 1)
  const text = (head: string, rows: readonly (readonly unknown[])[]) => [head, ...rows].map(String).join('\n')
  return {
    clicks: text(
      'user,item,time',
      clicked.map(({ user, item, time }) => [user, `i${item}`, time]),
    ),
    ads: text(
      'item,name,advertiser,bid',
      chances.map((_, item) => [`i${item}`, `thing ${item}`, `a${item}`, 1]),
    ),
    views: text(
      'view,user,timestamp,item_id,position,click,propensity_score',
      lines.map(({ view, user, time, item, slot, click }) => [
        ...[view, user, time, `i${item}`, slot + 1, click],
        1 / chances.length,
      ]),
    ),
  }
}

/** Clicks per impression of the model's lists in the slots that the log tells of, as the clicks were drawn. */
async function trueValue({ store }: LoggedWorld, dataset: string, published: string): Promise<number> {
  const artifact = await store.open(dataset)
  const { itemIds } = await openDataset(artifact)
  const exposed = (await openMarket(artifact))?.requests?.exposed
  const { requests, systems } = await readMarkets(await store.open(published))
  const outcomes = systems.get('model')?.progress.outcomes
  if (exposed === undefined || outcomes === undefined) throw new Error('nothing was measured')
  const [request, slot, item] = ['request', 'slot', 'item'].map((name) => columnOf(outcomes, name))
  const values: number[] = []
  for (const row of request.keys()) {
    const index = requests[request[row]]
    if (slotOf(exposed, index, exposed.offsets[index]) !== slot[row]) continue
    values.push(chanceOf(Number(itemIds[item[row]].slice(1)), slot[row]))
  }
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe.each([
  { slots: 1, lists: 'Whole' as const },
  { slots: 3, lists: 'Entries' as const },
])('a log of one entry a page view, in lists of $slots', ({ slots, lists }) => {
  test('has the value of the model’s lists, which is not that of the log', async () => {
    const world = await loggedWorld(logOf(slots), { lists, listLength: slots, hasUsers: true, rewardEpochs: 6 })
    onTestFinished(() => rm(world.folder, { recursive: true, force: true }))
    expect(world.summary).toMatchObject({ badRows: 0, advertising: { exposures: views } })
    const { artifact, summary } = await world.evaluate({
      market: wholeTestPart,
      offPolicy: { estimators: ['IPS', 'SNIPS', 'DR'], minEffectiveSamples: 250, minPositives: 80 },
    })
    const { offPolicy, metrics } = summary
    expect(offPolicy).toMatchObject({ supported: true, propensities: 'Marginal' })
    expect(offPolicy?.rows).toBe(world.summary.advertising?.testRequests)
    expect(Math.abs((offPolicy?.meanWeight ?? 0) - 1)).toBeLessThan(0.1)
    const truth = await trueValue(world, world.digest, artifact.digest)
    const ofLog = mean(chances) * mean(fading.slice(0, slots))
    for (const name of ['IPS', 'SNIPS', 'DR']) {
      const { low = Number.NaN, high = Number.NaN } = metrics.find((each) => each.name === `OffPolicy/${name}`) ?? {}
      expect(low).toBeLessThan(truth)
      expect(high).toBeGreaterThan(truth)
      expect(high - low).toBeLessThan(0.4 * truth)
      // The policy that filled the log earns less: an estimate that looked there alone would be seen.
      expect(low).toBeGreaterThan(ofLog)
    }
  }, 240_000)
})
