import { beforeAll, describe, expect, test } from 'vitest'
import type { RewardData } from '../../../../workers/auction/reward-model/data.ts'
import { isOfFold } from '../../../../workers/auction/reward-model/fold.ts'
import { type RewardList, RewardScorer } from '../../../../workers/auction/reward-model/scorer.ts'
import {
  type RewardTrainingOptions,
  type RewardTrainingResult,
  rewardStart,
  rewardTrainingDefaults,
  trainRewardModel,
} from '../../../../workers/auction/reward-model/training.ts'
import { type Requests, requestParts } from '../../../../workers/data/market/market.ts'
import type { StagePorts, StageProgress } from '../../../../workers/ranker/stage-training.ts'
import { toBytes } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { likenessLog } from './likeness-log.ts'
import { clickProbability, itemCount, shapeOf, syntheticLog } from './synthetic-log.ts'

const options: RewardTrainingOptions = {
  ...rewardTrainingDefaults,
  shape: shapeOf(),
  epochs: 5,
  batchSize: 64,
  learningRate: 8e-3,
  seed: 3,
  threads: 1,
}

const quiet: StagePorts = { stepped: async () => {}, settled: async () => {}, epochEnded: () => {} }

const train = (changed: Partial<RewardTrainingOptions>, data: RewardData, ports: Partial<StagePorts> = {}) => {
  const all = { ...options, ...changed }
  return trainRewardModel(all, data, rewardStart(all, data), { ...quiet, ...ports })
}

const scorerOf = async (data: RewardData, parameters: Float32Array): Promise<RewardScorer> => {
  const scorer = await RewardScorer.create({ ...data, shape: options.shape, threads: 1 })
  await scorer.setParameters(parameters)
  return scorer
}

describe('a model of a log whose truth is known', () => {
  const data = syntheticLog(6000)
  let result: RewardTrainingResult

  beforeAll(async () => {
    result = await train({ epochs: 10 }, data)
  }, 60_000)

  test('orders unseen entries nearly as well as the truth does, and is near its probabilities', async () => {
    const { history, epoch, calibration } = result
    // The truth itself has 0.78.
    expect(history[epoch - 1]['ctr.auc']).toBeGreaterThan(0.75)
    expect(history[epoch - 1]['ctrCreative.auc']).toBeGreaterThan(0.7)
    // Fifteen bins of 400 outcomes each are off by 0.015 under the truth.
    expect(calibration.ctr?.eceAfter).toBeLessThan(0.04)
    // 0.3 of clicks convert, whatever they are clicks on.
    expect(calibration.cvr?.eceAfter).toBeLessThan(0.08)
  })

  test('tells fresh lists apart by taste, place and what stands before', async () => {
    const scorer = await scorerOf(data, result.parameters)
    const random = new Random('fresh')
    const listOf = (taste: number, items: Uint32Array): RewardList => ({
      history: Uint32Array.from({ length: 4 }, () => taste * 10 + random.below(10)),
      items,
      creatives: Int32Array.from(items, (item, slot) => (slot % 2 === 0 ? -1 : 2 * item)),
      isAd: Uint8Array.of(0, 1, 0, 1),
    })
    const tastes = Array.from({ length: 400 }, () => random.below(4))
    const lists = tastes.map((taste) =>
      listOf(
        taste,
        Uint32Array.from({ length: 4 }, () => random.below(itemCount)),
      ),
    )
    const scores = await scorer.score(lists)
    let squares = 0
    const bySlot = [0, 0, 0, 0]
    for (const [index, { items }] of lists.entries())
      for (const [slot, probability] of scores[index].pCtr.entries()) {
        squares += (probability - clickProbability(tastes[index], items, slot)) ** 2
        bySlot[slot] += probability
      }
    // A model that knows the mean rate alone is off by 0.2.
    expect(Math.sqrt(squares / 1600)).toBeLessThan(0.09)
    expect(bySlot.toSorted((a, b) => b - a)).toEqual(bySlot)
    // The second entry is of the user's taste; before it stands one of the same group, or of the next.
    const second = async (shift: number): Promise<number> => {
      const after = tastes.map((taste) =>
        listOf(taste, Uint32Array.of(((taste + shift) % 4) * 10 + 1, taste * 10 + 2, ((taste + 2) % 4) * 10)),
      )
      return (await scorer.score(after)).reduce((sum, { pCtr }) => sum + pCtr[1] / after.length, 0)
    }
    // 0.53 and 0.71 in truth.
    expect((await second(1)) - (await second(0))).toBeGreaterThan(0.06)
    await scorer.release()
  })

  test('one list scores alike alone and among others', async () => {
    const scorer = await scorerOf(data, result.parameters)
    const history = Uint32Array.of(1, 2, 3)
    const list = { history, items: Uint32Array.of(5, 15), creatives: Int32Array.of(-1, 31), isAd: Uint8Array.of(0, 1) }
    const [alone] = await scorer.score([list])
    const [, among] = await scorer.score([
      { history: Uint32Array.of(), items: Uint32Array.of(1, 2, 3, 4), isAd: new Uint8Array(4) },
      list,
      { ...list, items: Uint32Array.of(6, 16) },
    ])
    await scorer.release()
    expect(alone.pCtr.length).toBe(2)
    for (const name of ['pCtr', 'pCtrCreative', 'pCvr'] as const)
      for (const [slot, probability] of (alone[name] ?? []).entries())
        expect(among[name]?.[slot]).toBeCloseTo(probability, 5)
  })
})

test('before the first step every entry has the rate of the log', async () => {
  const data = syntheticLog(300)
  const { exposed, part } = data.requests
  if (exposed === undefined) throw new Error('the log has exposed lists')
  let [clicks, entries] = [0, 0]
  for (const [request, end] of Array.from(exposed.offsets.subarray(1)).entries()) {
    if (part[request] !== requestParts.train) continue
    for (let entry = exposed.offsets[request]; entry < end; entry++) {
      clicks += exposed.click[entry]
      entries++
    }
  }
  const scorer = await scorerOf(data, rewardStart(options, data).optimizer.parameters)
  const [{ pCtr }] = await scorer.score([
    { history: Uint32Array.of(1, 2), items: Uint32Array.of(3, 14, 25, 36), isAd: Uint8Array.of(0, 1, 0, 1) },
  ])
  await scorer.release()
  for (const probability of pCtr) expect(probability).toBeCloseTo(clicks / entries, 5)
})

test('a few clicks teach that items like those of the history are clicked, whichever items were shown before', async () => {
  const data = likenessLog(1200)
  const shape = shapeOf({ ...data.sizes, creativeCodebooks: [], conversions: false, hiddenSize: 64 })
  const { history, epoch } = await train({ shape, epochs: 4, learningRate: 2e-3, batchSize: 32 }, data)
  // Likeness itself has 0.77.
  expect(history[epoch - 1]['ctr.auc']).toBeGreaterThan(0.7)
})

test('a stage that is resumed in the middle of an epoch ends with the same bytes', async () => {
  const data = syntheticLog(300)
  const short = { epochs: 3 }
  const checkpoints: StageProgress[] = []
  const settled = async (step: number, snapshot: () => StageProgress) => {
    if (step === 5) checkpoints.push(snapshot())
  }
  const whole = await train(short, data, { settled })
  const resumed = await trainRewardModel({ ...options, ...short }, data, checkpoints[0], quiet)
  expect(Buffer.from(toBytes(resumed.parameters))).toEqual(Buffer.from(toBytes(whole.parameters)))
  expect(resumed.history).toEqual(whole.history)
  expect(resumed.calibration).toEqual(whole.calibration)
  const other = await train({ ...short, seed: 4 }, data)
  expect(Buffer.from(toBytes(other.parameters))).not.toEqual(Buffer.from(toBytes(whole.parameters)))
})

describe('folds', () => {
  test('the halves are disjoint, whole, about equal, and do not follow the seed of training', () => {
    const { requests } = syntheticLog(2000)
    // Requests 2k and 2k + 1 are of one user.
    const shared = { ...requests, user: requests.user.map((user) => user >> 1) }
    const first = Array.from({ length: 2000 }, (_, request) =>
      isOfFold({ fold: 'First', foldSeed: 0 }, shared, request),
    )
    const second = Array.from({ length: 2000 }, (_, request) =>
      isOfFold({ fold: 'Second', foldSeed: 0 }, shared, request),
    )
    expect(second).toEqual(first.map((inside) => !inside))
    expect(first.filter((_, request) => request % 2 === 0)).toEqual(first.filter((_, request) => request % 2 === 1))
    const share = first.filter(Boolean).length / 2000
    expect(Math.abs(share - 0.5)).toBeLessThan(0.05)
    const otherwise = first.map((_, request) => isOfFold({ fold: 'First', foldSeed: 1 }, shared, request))
    expect(otherwise).not.toEqual(first)
  })

  test('a model of one half learns nothing from lists of the other', async () => {
    const data = syntheticLog(200)
    const { exposed } = data.requests
    if (exposed === undefined) throw new Error('the log has exposed lists')
    const offsets = exposed.offsets
    const click = exposed.click.map((clicked, entry) => {
      const request = offsets.findLastIndex((start) => start <= entry)
      return isOfFold({ fold: 'Second', foldSeed: 0 }, data.requests, request) ? 1 - clicked : clicked
    })
    const turned = { ...data, requests: { ...data.requests, exposed: { ...exposed, click } } }
    const changed = { epochs: 1, fold: 'First' } as const
    const plain = await train(changed, data)
    expect(Buffer.from(toBytes((await train(changed, turned)).parameters))).toEqual(
      Buffer.from(toBytes(plain.parameters)),
    )
  })
})

describe('a log that lacks what is needed is refused with what it lacks', () => {
  const data = syntheticLog(60)
  const without = (changes: Partial<Requests>): RewardData => ({ ...data, requests: { ...data.requests, ...changes } })
  const { exposed, ...bare } = data.requests
  const cases: [string, string, () => RewardData][] = [
    [
      'requests',
      'NoExposedLists',
      () => {
        const { requests: _none, ...others } = data
        return others
      },
    ],
    ['exposed lists', 'NoExposedLists', () => ({ ...data, requests: bare })],
    ['a training part', 'NoTrainingRequests', () => without({ part: new Uint8Array(60).fill(1) })],
    ['a validation part', 'NoValidationRequests', () => without({ part: new Uint8Array(60) })],
    [
      'entries within the length of a list',
      'NoTrainingRequests',
      () =>
        without(
          exposed === undefined
            ? {}
            : { exposed: { ...exposed, slot: Uint32Array.from(exposed.click, (_, entry) => 50 + entry) } },
        ),
    ],
    [
      'clicks',
      'NoClicks',
      () => without(exposed === undefined ? {} : { exposed: { ...exposed, click: exposed.click.map(() => 0) } }),
    ],
    [
      'conversions',
      'NoConversions',
      () => {
        if (exposed === undefined) return data
        const { conversion: _none, ...others } = exposed
        return without({ exposed: others })
      },
    ],
    [
      'creatives',
      'NoCreatives',
      () => {
        const { creatives: _none, ...others } = data
        return others
      },
    ],
    ['its codes', 'WrongCodes', () => ({ ...data, items: { ...data.items, levels: 1 } })],
  ]
  for (const [what, reason, made] of cases)
    test(what, async () => {
      const log = made()
      const error = expect.objectContaining({ name: 'RewardDataError', reason, retryable: false })
      expect(() => rewardStart(options, log)).toThrow(error)
      await expect(trainRewardModel(options, log, rewardStart(options, data), quiet)).rejects.toThrow(error)
    })
})
