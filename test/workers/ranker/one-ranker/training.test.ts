import { describe, expect, test } from 'vitest'
import { type RankingOptions, trainRanking } from '../../../../workers/ranker/one-ranker/ranking-stage.ts'
import { oneRankerLayout, oneRankerNames } from '../../../../workers/ranker/one-ranker/shape.ts'
import { generatorPart, initialOneRanker, withRanker } from '../../../../workers/ranker/one-ranker/start.ts'
import { pretrainOneRanker } from '../../../../workers/ranker/one-ranker/training.ts'
import { type StagePorts, type StageProgress, stageStart } from '../../../../workers/ranker/stage-training.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { itemCount, optionsOf, silent, smallData } from './small-market.ts'

const items = { ...smallCatalogue(itemCount).items, count: itemCount }
const startOf = async ({ shape, seed }: Pick<RankingOptions, 'shape' | 'seed'>) =>
  stageStart(await initialOneRanker(shape, items, seed, 1))

/** Ports that keep the state after every step. */
const keeping = (saved: StageProgress[]): StagePorts => ({
  ...silent,
  settled: async (_, snapshot) => void saved.push(snapshot()),
})

const last = <Each>(values: readonly Each[]): Each => values[values.length - 1]

describe('pre-training', () => {
  const options = optionsOf({ shape: generatorPart(optionsOf().shape) })

  test('learns items and their codes from where users are in every epoch', async () => {
    const { targets } = smallData(2)
    const still = { ...options, batchSize: 16, epochs: 8, regularization: { dropout: 0, labelSmoothing: 0 } }
    const { history } = await pretrainOneRanker(still, targets, await startOf(options), silent)
    expect(last(history).itemLoss).toBeLessThan(0.7 * history[0].itemLoss)
    expect(last(history).codeLoss).toBeLessThan(0.7 * history[0].codeLoss)
    expect(last(history).loss).toBeCloseTo(last(history).itemLoss + 0.5 * last(history).codeLoss, 4)
    expect(last(history).validationLoss).toBeLessThan(0.9 * history[0].validationLoss)
    expect(last(history).score).toBe(-last(history).validationLoss)
  })

  test('without step 2 learns codes alone', async () => {
    const { targets } = smallData(2)
    const shape = { ...options.shape, refinement: false }
    const { history } = await pretrainOneRanker(
      { ...options, shape },
      targets,
      await startOf({ ...options, shape }),
      silent,
    )
    expect(Object.keys(history[0])).not.toContain('itemLoss')
    expect(last(history).codeLoss).toBeLessThan(history[0].codeLoss)
  })

  test('goes on from a checkpoint to the same bytes, dropout, drawn items and all', async () => {
    const { targets } = smallData(2)
    const drawing = { ...options, epochs: 2, batchSize: 2, sampledItems: 3 }
    const saved: StageProgress[] = []
    const whole = await pretrainOneRanker(drawing, targets, await startOf(options), keeping(saved))
    const resumed = await pretrainOneRanker(drawing, targets, structuredClone(saved[2]), silent)
    expect(resumed.parameters).toEqual(whole.parameters)
    expect(resumed.history).toEqual(whole.history)
  })

  test('judges epochs by as few items as it learns from', async () => {
    const { targets } = smallData(2)
    const lossAmong = async (sampledItems: number) => {
      const { history } = await pretrainOneRanker(
        { ...options, sampledItems, epochs: 1, semanticIdWeight: 0 },
        targets,
        await startOf(options),
        silent,
      )
      return history[0].validationItemLoss
    }
    const [few, again, all] = [await lossAmong(3), await lossAmong(3), await lossAmong(0)]
    expect(few).toBe(again)
    // Drawn items weigh for the rest, so that the losses are of one size, and not equal.
    expect(few).not.toBe(all)
  })
})

describe('the stage ranking', () => {
  test('learns to order candidates by eCPM, and draws the generator to that order', async () => {
    const options = optionsOf({ epochs: 6, regularization: { dropout: 0, labelSmoothing: 0 }, multiTokenWeight: 0.2 })
    const { ranking } = smallData(2)
    const followed = (consistencyWeight: number) =>
      startOf(options).then((start) => trainRanking({ ...options, consistencyWeight }, ranking, start, silent))
    const { history } = await followed(2)
    expect(last(history).rankLoss).toBeLessThan(0.8 * history[0].rankLoss)
    expect(last(history).concordance).toBeGreaterThan(history[0].concordance + 0.05)
    // Next to none: the generator stays where multi-token prediction has it.
    const alone = (await followed(1e-9)).history
    expect(last(history).consistencyLoss).toBeLessThan(last(alone).consistencyLoss - 0.1)
    // Among all items no share is greater than among the candidates.
    for (const { consistencyLoss, catalogueConsistencyLoss, ...metrics } of history) {
      expect(catalogueConsistencyLoss).toBeGreaterThan(consistencyLoss)
      expect(metrics.validationCatalogueConsistencyLoss).toBeGreaterThan(metrics.validationConsistencyLoss)
    }
    // What is kept goes by what is learned, not by who follows whom.
    expect(last(history).score).toBe(-last(history).validationRankLoss)
  })

  test('keeps the last epoch where no two candidates of a request differ in what they are worth', async () => {
    const options = optionsOf({ epochs: 2, patience: 1 })
    const { ranking } = smallData(2)
    const labels: typeof ranking.labels = async (rows) =>
      rows.map(({ history, pool, places }) =>
        Float64Array.from(places, (place) => (history.length > 4 ? 1 : pool.items[place])),
      )
    const { history } = await trainRanking(options, { ...ranking, labels }, await startOf(options), silent)
    expect(history).toHaveLength(2)
    for (const metrics of history) {
      expect(metrics.rankPairs).toBeGreaterThan(0)
      expect(Object.keys(metrics)).not.toContain('validationRankLoss')
      expect(Object.keys(metrics)).not.toContain('score')
    }
  })

  test('goes on from a checkpoint to the same bytes, own candidates and warm-up too', async () => {
    const options = optionsOf({ epochs: 2, multiTokenWeight: 0, consistencyWarmupSteps: 6 })
    const { ranking } = smallData(2)
    const saved: StageProgress[] = []
    const losses: number[] = []
    const ports = { ...keeping(saved), stepped: async ({ metrics }) => void losses.push(metrics.loss) } as StagePorts
    const whole = await trainRanking(options, ranking, await startOf(options), ports)
    expect(saved).toHaveLength(8)
    const resumed = await trainRanking(options, ranking, structuredClone(saved[4]), silent)
    expect(resumed.parameters).toEqual(whole.parameters)
    expect(resumed.history).toEqual(whole.history)
    // Consistency comes in step by step.
    for (let step = 0; step < 3; step++) {
      const part = (name: string) => saved[step].sums[name] - (saved[step - 1]?.sums[name] ?? 0)
      expect(losses[step]).toBeCloseTo(part('rankLoss') + 0.5 * ((step + 1) / 6) * part('consistencyLoss'), 4)
    }
  })
})

describe('what training starts from', () => {
  const { shape, seed } = optionsOf()

  test('has centres that lie among the items', async () => {
    const parameters = await initialOneRanker(shape, items, seed, 1)
    const centres = unpack(parameters, oneRankerLayout(shape)).get(oneRankerNames.centres) ?? new Float32Array()
    const lengths = Array.from({ length: shape.fakeItems }, (_, centre) =>
      Math.hypot(...centres.subarray(centre * shape.hiddenSize, (centre + 1) * shape.hiddenSize)),
    )
    expect(Math.min(...lengths)).toBeGreaterThan(0.1)
    expect(new Set(lengths).size).toBe(shape.fakeItems)
    expect(await initialOneRanker(shape, items, seed, 1)).toEqual(parameters)
  })

  test('after pre-training is the generator as it was, with a new step 3', async () => {
    const part = generatorPart(shape)
    const generator = (await initialOneRanker(part, items, 9, 1)).map((value) => value + 1)
    const whole = unpack(withRanker(shape, generator, seed), oneRankerLayout(shape))
    const fresh = unpack(await initialOneRanker(shape, items, seed, 1), oneRankerLayout(shape))
    const known = unpack(generator, oneRankerLayout(part))
    for (const [name, values] of whole) expect(values, name).toEqual(known.get(name) ?? fresh.get(name))
    expect(whole.size).toBeGreaterThan(known.size)
  })
})
