import { beforeEach, describe, expect, test } from 'vitest'
import type { Evaluation } from '../../../crds/kinds/evaluation.ts'
import type { SampledEvaluation } from '../../../crds/sampled-lists.ts'
import type { Dataset } from '../../../workers/data/dataset-reader.ts'
import { measureGroup } from '../../../workers/evaluation/metric-group.ts'
import type { TrainedRecommender } from '../../../workers/evaluation/recommender.ts'
import { rankNormalisedGains } from '../../../workers/evaluation/sampled/gains.ts'
import { readSampled } from '../../../workers/evaluation/sampled/sampled-files.ts'
import { sampledGroup } from '../../../workers/evaluation/sampled/sampled-group.ts'
import { type EvaluationPorts, processEvaluation } from '../../../workers/processors/evaluation.ts'
import { inputOf } from '../artifacts/support.ts'
import { adCount, smallMarket } from './small-market.ts'
import { payloadOf, publishDataset, type TestContext, testContext } from './support.ts'

const sampledLists: SampledEvaluation = {
  targets: 'NextItem',
  listSize: 6,
  cutoffs: [1, 3],
  negatives: 'Uniform',
  seed: 1,
}
const spec: Evaluation['spec'] = {
  model: { digest: inputOf('model') },
  datasetRef: { name: 'logs' },
  split: 'Test',
  ranking: 'None',
  cutoffs: [5],
  beamSize: 50,
  baselines: ['PopRec', 'ItemCF'],
  sampledLists,
  bootstrapSamples: 200,
  seed: 1,
  workerPoolRef: { name: 'default' },
  suspend: false,
  backoffLimit: 3,
}
const graded = { gain: 'RankNormalised' as const, levels: 5, organicValue: '0.5' }

/** Each user walks up a ring of 12 items from a start of its own. */
const sequences = Array.from({ length: 24 }, (_, user) => [0, 1, 2, 3, 4].map((step) => (user + step) % 12))

/** Scores a candidate by how close it comes after the last item on the ring. Ranking turns the order around, if asked. */
function ringModel(
  dataset: Dataset,
  released: string[],
  steps: 'One' | 'Alike' | 'Reversed' = 'One',
): TrainedRecommender {
  const number = (item: number) => Number(dataset.itemIds[item])
  return {
    name: 'model',
    datasetDigest: dataset.digest,
    itemIds: dataset.itemIds,
    recommend: async (histories) => histories.map(() => new Uint32Array()),
    score: async (lists) =>
      lists.map(({ history, candidates }) => {
        const last = number(history.at(-1) ?? 0)
        const final = Float32Array.from(candidates, (item) => -((number(item) - last - 1 + 12) % 12))
        const before = steps === 'Reversed' ? final.map((score) => -score) : final
        return steps === 'One' ? { final } : { final, generator: before }
      }),
    release: async () => void released.push('released'),
  }
}

const portsOf = (models: Record<string, TrainedRecommender>): EvaluationPorts => ({
  openModel: async (digest) => models[digest],
  openMarket: async () => smallMarket(60),
  openTruth: async () => ({
    clicks: ({ items }) => {
      // The higher the item, the oftener it is clicked.
      const click = Float64Array.from(items, (item) => (1 + item) / 20)
      return { click, creativeClick: click, conversion: click, conversionValue: click }
    },
  }),
  openEvaluator: async () => ({
    judgeLists: async (lists) => lists.map(({ items }) => ({ click: Float64Array.from(items, () => 0.1) })),
    slots: 1,
    release: async () => undefined,
  }),
  openMarketplace: () => Promise.reject(new Error('no auction is held')),
})

let context: TestContext
let dataset: Dataset
let digest: string

beforeEach(async () => {
  context = await testContext()
  ;({ digest, dataset } = await publishDataset(context, { sequences }))
})

interface Changed {
  readonly spec?: Partial<Evaluation['spec']>
  readonly lists?: Partial<SampledEvaluation>
  readonly inputs?: Record<string, string>
  readonly ports?: Partial<EvaluationPorts>
  readonly models?: Record<string, TrainedRecommender>
}

async function evaluate(changed: Changed = {}, of: TestContext = context) {
  const wanted = { ...spec, ...changed.spec, sampledLists: { ...sampledLists, ...changed.lists } }
  const payload = payloadOf('Evaluation', wanted, { dataset: digest, model: inputOf('model'), ...changed.inputs })
  const models = { [inputOf('model')]: ringModel(dataset, []), ...changed.models }
  const outcome = await processEvaluation(payload, of, { ...portsOf(models), ...changed.ports })
  const { summary } = outcome
  const values = Object.fromEntries(summary.metrics.map(({ name, value }) => [name, value]))
  return { outcome, summary, values }
}

describe('an Evaluation on sampled lists', () => {
  test('measures model and baselines, and says list size and chance with them', async () => {
    const { summary, values } = await evaluate()
    expect(summary.cases).toBe(0)
    expect(summary.sampledLists).toEqual({
      lists: 24,
      skipped: 0,
      listSize: 6,
      meanListSize: 6,
      negatives: 'Uniform',
      unmeasured: [],
    })
    expect(summary.metrics[0].name).toBe('Sampled/HR@1')
    expect(values).toMatchObject({ 'Sampled/HR@1': 1, 'Sampled/NDCG@3': 1, 'ItemCF Sampled/HR@3': 1 })
    expect(values['Chance Sampled/HR@1']).toBeCloseTo(1 / 6, 12)
    expect(values['Chance Sampled/HR@3']).toBeCloseTo(1 / 2, 12)
    expect(values['PopRec Sampled/HR@1']).toBeLessThan(0.6)
    expect(Object.keys(values).filter((name) => name.includes('Consistency'))).toEqual([])
    expect(context.updates.map(({ phase }) => phase)).toEqual([
      'Model Lists',
      'PopRec Lists',
      'ItemCF Lists',
      'Resampling',
    ])
  })

  test('stands beside full ranking', async () => {
    const { values } = await evaluate({ spec: { ranking: 'Full' } })
    expect(values).toHaveProperty(['Recall@5'])
    expect(values).toHaveProperty(['Sampled/HR@3'])
  })

  test('compares with the champion in pairs, and judges gates', async () => {
    const released: string[] = []
    const judgedBy = 'IntervalBound' as const
    const champion = inputOf('champion')
    const { summary, values } = await evaluate({
      inputs: { champion },
      models: {
        [inputOf('model')]: ringModel(dataset, released, 'Alike'),
        [champion]: ringModel(dataset, released, 'Reversed'),
      },
      spec: {
        gates: [
          { judgedBy, name: 'hits', metric: 'Sampled/HR@1', min: '0.9' },
          {
            judgedBy,
            name: 'beats-popularity',
            metric: 'Sampled/NDCG@3',
            minRelativeToBaseline: { baseline: 'PopRec', value: '0.5' },
          },
          { judgedBy, name: 'more-alike', metric: 'Consistency/Overlap@1', minDifferenceToChampion: '0.9' },
          { judgedBy, name: 'as-good', metric: 'Sampled/HR@1', minDifferenceToChampion: '0.1' },
        ],
      },
    })
    expect(summary.gates.map(({ passed }) => passed)).toEqual([true, true, true, false])
    expect(values).toMatchObject({
      'Consistency/RankDifference': 0,
      'Consistency/Overlap@1': 1,
      'Champion Consistency/Overlap@1': 0,
      'Champion Consistency/Overlap@3': 0,
    })
    // Against the reverse order of six: 5, 3, 1, 1, 3, 5 apart.
    expect(values['Champion Consistency/RankDifference']).toBeCloseTo(3, 12)
    expect(values['Champion Consistency/RankDifferenceIQR']).toBe(4)
    expect(values['Chance Consistency/RankDifference']).toBeCloseTo((36 - 1) / 18, 12)
    expect(released).toEqual(['released', 'released'])
  })

  test('grades candidates by bid times click under the truth, or under a held-out judge', async () => {
    const byTruth = await evaluate({ lists: { graded } })
    expect(byTruth.summary.sampledLists).toMatchObject({ judge: 'Truth', ungraded: 0 })
    expect(byTruth.values).toHaveProperty(['Sampled/ECPM-RankNormalised-NDCG@3'])
    expect(byTruth.values).toHaveProperty(['Chance Sampled/ECPM-RankNormalised-NDCG@3'])
    const heldOut = await evaluate({
      lists: { graded: { ...graded, gain: 'Quantile', judge: 'HeldOut' } },
      inputs: { evaluator: inputOf('evaluator') },
    })
    expect(heldOut.summary.sampledLists).toMatchObject({ judge: 'HeldOut' })
    expect(heldOut.values).toHaveProperty(['Sampled/ECPM-Quantile-NDCG@3'])
  })

  test('takes clicks of logged requests, among what was eligible', async () => {
    const { summary, outcome } = await evaluate({ lists: { targets: 'Click', negatives: 'Request', listSize: 30 } })
    // Six ads and six organic items, less the other clicks of the request.
    expect(summary.sampledLists?.listSize).toBe(12)
    expect(summary.sampledLists?.negatives).toBe('Request')
    const artifact = await context.store.open(outcome.artifact.digest)
    const lists = summary.sampledLists?.lists ?? 0
    expect(lists).toBeGreaterThan(10)
    const read = async (file: string) => new Uint8Array(await artifact.readFile(`sampled.${file}`)).buffer
    const lengths = new Uint32Array(await read('lengths.u32'))
    const total = lengths.reduce((sum, length) => sum + length, 0)
    expect(lengths).toHaveLength(lists)
    expect(new Uint32Array(await read('items.u32'))).toHaveLength(total)
    expect(new Float32Array(await read('0.final.f32'))).toHaveLength(total)
    expect(JSON.parse(String(await artifact.readFile('sampled.json')))).toMatchObject({
      systems: ['', 'PopRec', 'ItemCF'],
    })
  })

  test('finds ads among ads alone where asked', async () => {
    for (const lists of [{ targets: 'Click', negatives: 'Request' }, { negatives: 'Popularity' }, {}] as const) {
      const { outcome } = await evaluate({ lists: { ...lists, listSize: 30, among: 'Ads' } })
      const { lists: found } = await readSampled(await context.store.open(outcome.artifact.digest))
      expect(found.length).toBeGreaterThan(3)
      for (const { candidates } of found) expect(Math.max(...candidates)).toBeLessThan(adCount)
    }
    await expect(
      evaluate({ lists: { among: 'Ads' }, ports: { openMarket: async () => undefined } }),
    ).rejects.toMatchObject({ reason: 'NoMarket', message: expect.stringContaining('spec.sampledLists.among') })
  })

  test('publishes lists and scores that tell the same metrics again', async () => {
    const models = { [inputOf('model')]: ringModel(dataset, [], 'Reversed') }
    const { values, outcome } = await evaluate({ lists: { graded }, models })
    const { lists, ecpm, systems } = await readSampled(await context.store.open(outcome.artifact.digest))
    expect(systems.map(({ name }) => name)).toEqual(['', 'PopRec', 'ItemCF'])
    const judged = {
      ...{ lists, cutoffs: sampledLists.cutoffs, seed: sampledLists.seed },
      graded: { gain: graded.gain, gains: rankNormalisedGains(ecpm ?? []), ecpm: ecpm ?? [] },
    }
    for (const { name, scores } of systems) {
      const { metrics } = measureGroup(sampledGroup(judged, scores), name, { samples: 10, seed: 1 })
      expect(metrics.length).toBeGreaterThan(5)
      for (const metric of metrics) expect(metric.value).toBe(values[metric.name])
    }
    expect(values).toHaveProperty(['Consistency/Overlap@1'])
  })

  test('says nothing of steps and of worth where there is none', async () => {
    const { outcome } = await evaluate()
    const { ecpm, systems } = await readSampled(await context.store.open(outcome.artifact.digest))
    expect(ecpm).toBeUndefined()
    expect(systems[0].scores[0]).not.toHaveProperty('generator')
  })

  test('takes no more lists than asked, and gives the same artifact when it runs again', async () => {
    const first = await evaluate({ lists: { lists: 7, graded } })
    expect(first.summary.sampledLists?.lists).toBe(7)
    const again = await evaluate({ lists: { lists: 7, graded } }, { ...context, threads: 2 })
    expect(again.outcome.artifact.digest).toBe(first.outcome.artifact.digest)
  })

  test('translates a model of another revision by item ids; what it does not know comes last', async () => {
    const older = await publishDataset(context, {
      sequences: sequences.map((sequence) => sequence.filter((item) => item !== 4)).toReversed(),
    })
    const seen: number[] = []
    const scorer = ringModel(older.dataset, [], 'Alike')
    const { values } = await evaluate({
      models: {
        [inputOf('model')]: {
          ...scorer,
          score: async (lists) => {
            for (const { candidates, history } of lists) seen.push(...candidates, ...history)
            return scorer.score?.(lists) ?? []
          },
        },
      },
    })
    expect(Math.max(...seen)).toBeLessThan(older.dataset.itemCount)
    // One target in twelve is the item that it does not know: last of six.
    expect(values['Sampled/HR@3']).toBeCloseTo(11 / 12, 12)
    expect(values['Consistency/RankDifference']).toBe(0)
  })

  test.each<[string, string, () => Changed]>([
    [
      'a model that cannot score candidates',
      'CannotScoreCandidates',
      () => {
        const { score: _none, ...model } = ringModel(dataset, [])
        return { models: { [inputOf('model')]: model } }
      },
    ],
    [
      'clicks without logged lists',
      'NoMarket',
      () => ({ lists: { targets: 'Click' }, ports: { openMarket: async () => undefined } }),
    ],
    [
      'grades without a market',
      'NoMarket',
      () => ({ lists: { graded }, ports: { openMarket: async () => undefined } }),
    ],
    ['grades without a judge', 'NoJudge', () => ({ lists: { graded }, ports: { openTruth: async () => undefined } })],
    [
      'a truth that nobody knows',
      'NoJudge',
      () => ({ lists: { graded: { ...graded, judge: 'Truth' } }, ports: { openTruth: async () => undefined } }),
    ],
    ['a held-out judge that is not named', 'NoJudge', () => ({ lists: { graded: { ...graded, judge: 'HeldOut' } } })],
  ])('refuses %s for good', async (_, reason, changed) => {
    await expect(evaluate(changed())).rejects.toMatchObject({ reason, retryable: false })
  })

  test('refuses a Dataset without targets', async () => {
    ;({ digest, dataset } = await publishDataset(context, { sequences: [[0, 1]] }))
    await expect(evaluate()).rejects.toMatchObject({ reason: 'NoLists', retryable: false })
  })

  test('releases the model once another worker holds the job', async () => {
    const released: string[] = []
    const superseded = { ...(await testContext({ supersededAt: 'Model Lists' })), store: context.store }
    const models = { [inputOf('model')]: ringModel(dataset, released) }
    await expect(evaluate({ models }, superseded)).rejects.toMatchObject({ reason: 'Superseded' })
    expect(released).toEqual(['released'])
  })
})
