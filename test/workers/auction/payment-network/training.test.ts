import { describe, expect, test } from 'vitest'
import { lagrangianFrom } from '../../../../workers/auction/lagrangian.ts'
import { paymentOutcome } from '../../../../workers/auction/payment-network/outcome.ts'
import { drawValues, type PaymentSamples, truthfulFactor } from '../../../../workers/auction/payment-network/samples.ts'
import { paymentLayout } from '../../../../workers/auction/payment-network/shape.ts'
import {
  type PaymentTrainingOptions,
  paymentStart,
  paymentTrainingDefaults,
  trainPaymentNetwork,
} from '../../../../workers/auction/payment-network/training.ts'
import type { StagePorts, StageProgress } from '../../../../workers/ranker/stage-training.ts'
import { toBytes, unpack } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { secondPriceWorld, shape } from './second-price-world.ts'

const options: PaymentTrainingOptions = {
  ...paymentTrainingDefaults,
  shape,
  epochs: 25,
  learningRate: 0.02,
  seed: 1,
  threads: 1,
}

const quiet: StagePorts = { stepped: async () => {}, settled: async () => {}, epochEnded: () => {} }

/** Parameters under which every slot pays the same rate. */
const constantRate = (rate: number): Float32Array => {
  const flat = new Float32Array(paymentLayout(shape).size)
  unpack(flat, paymentLayout(shape))
    .get('payment.2.bias')
    ?.fill(Math.log(rate / (1 - rate)))
  return flat
}

/** Revenue and regret under one rate for all, in plain numbers. */
const outcomeOf = (samples: PaymentSamples, rate: number) => {
  const { count, variants, truth, bid, pCtr, exposure, value } = samples
  let revenue = 0
  let regret = 0
  for (let sample = 0; sample < count; sample++) {
    const utilities = Array.from({ length: variants }, (_, variant) => {
      const cell = sample * variants + variant
      return (value[sample] - rate * bid[cell]) * pCtr[cell] * exposure[cell]
    })
    const cell = sample * variants + truth
    revenue += (rate * bid[cell] * pCtr[cell] * exposure[cell]) / count
    regret += (Math.max(...utilities) - utilities[truth]) / count
  }
  return { revenue, regret }
}

test('revenue and regret are those of plain arithmetic, whatever the batches', async () => {
  const { samples } = secondPriceWorld(700, 3)
  for (const rate of [0.3, 0.9]) {
    const expected = outcomeOf(samples, rate)
    const actual = await paymentOutcome(shape, samples, constantRate(rate), 1)
    expect(actual.revenue / expected.revenue).toBeCloseTo(1, 4)
    expect(actual.regret / expected.regret).toBeCloseTo(1, 4)
  }
})

test('where the right price is the bid of a rival, training finds it', async () => {
  const world = secondPriceWorld(2000, 1)
  const fresh = secondPriceWorld(2000, 2)
  const { parameters, history } = await trainPaymentNetwork(
    options,
    world.samples,
    paymentStart(options),
    quiet,
    fresh.samples,
  )
  const { revenue, regret } = await paymentOutcome(shape, fresh.samples, parameters, 1)
  expect(history[24].heldRevenue).toBeCloseTo(revenue, 6)
  expect(history[24].heldRegret).toBeCloseTo(regret, 6)
  // First prices bring twice as much, with nearly all of the difference for lower bids to gain.
  expect(outcomeOf(fresh.samples, 1).revenue / fresh.criticalRevenue).toBeGreaterThan(2)
  expect(outcomeOf(fresh.samples, 1).regret / fresh.criticalRevenue).toBeGreaterThan(0.8)
  expect(revenue / fresh.criticalRevenue).toBeGreaterThan(0.9)
  expect(revenue / fresh.criticalRevenue).toBeLessThan(1.1)
  expect(regret / fresh.criticalRevenue).toBeLessThan(0.08)
})

test('a stage that is resumed in the middle of an epoch ends with the same bytes and multipliers', async () => {
  const { samples } = secondPriceWorld(300, 4)
  const lagrangian = { multiplier: 5, multiplierEvery: 3, penalty: 1, penaltyGrowth: 2, penaltyEvery: 5 }
  const short = { ...options, epochs: 4, batchSize: 64, lagrangian }
  const checkpoints: StageProgress[] = []
  const settled = async (step: number, snapshot: () => StageProgress) => {
    if (step === 7) checkpoints.push(snapshot())
  }
  const whole = await trainPaymentNetwork(short, samples, paymentStart(short), { ...quiet, settled })
  const resumed = await trainPaymentNetwork(short, samples, checkpoints[0], quiet)
  expect(Buffer.from(toBytes(resumed.parameters))).toEqual(Buffer.from(toBytes(whole.parameters)))
  expect(resumed.extra).toEqual(whole.extra)
  expect(resumed.history).toEqual(whole.history)
  const { multipliers, penalty } = lagrangianFrom(whole.extra)
  expect(penalty).toBe(7)
  // Of the three slots the first alone is ever won; the last multiplier is that of ads left out.
  expect(multipliers[0]).toBeGreaterThan(5)
  expect(multipliers.slice(1, 3)).toEqual([5, 5])
})

test('values are drawn around the bid', () => {
  const values = drawValues(3, { draws: 40_000, deviation: 0.4 }, new Random('values'))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  expect(mean).toBeCloseTo(3, 1)
  const spread = values.reduce((sum, value) => sum + (Math.log(value / 3) + 0.08) ** 2, 0) / values.length
  expect(Math.sqrt(spread)).toBeCloseTo(0.4, 2)
  expect([...drawValues(3, { draws: 2, deviation: 0 }, new Random('values'))]).toEqual([3, 3])
})

describe('samples that nothing can be learned from are refused', () => {
  const { samples } = secondPriceWorld(20, 5)
  const cases: [string, PaymentSamples][] = [
    ['NoSamples', { ...samples, count: 0 }],
    ['NoneShown', { ...samples, exposure: new Float32Array(samples.exposure.length) }],
    ['WrongSizes', { ...samples, otherBids: samples.otherBids.subarray(1) }],
    ['WrongSizes', { ...samples, vector: samples.vector.map(() => 99) }],
    ['WrongSizes', { ...samples, truth: samples.variants }],
  ]
  for (const [index, [reason, broken]] of cases.entries())
    test(`${index}: ${reason}`, async () => {
      await expect(trainPaymentNetwork(options, broken, paymentStart(options), quiet)).rejects.toMatchObject({
        name: 'PaymentSamplesError',
        reason,
        retryable: false,
      })
    })
  test('the truth is among the variants', () => expect(samples.truth).toBe(truthfulFactor))
})
