import { describe, expect, test } from 'vitest'
import { lagrangianFrom } from '../../../../workers/auction/lagrangian.ts'
import { paymentOutcome } from '../../../../workers/auction/payment-network/outcome.ts'
import { drawValues, type PaymentSamples } from '../../../../workers/auction/payment-network/samples.ts'
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
  const { count, variants, ads, truth, bid, pCtr, exposure, value } = samples
  let revenue = 0
  let regret = 0
  for (let sample = 0; sample < count; sample++) {
    const cellsOf = (variant: number) =>
      Array.from({ length: ads }, (_, place) => (sample * variants + variant) * ads + place)
    const sum = (variant: number, of: (cell: number) => number) =>
      cellsOf(variant).reduce((total, cell) => total + of(cell) * pCtr[cell] * exposure[cell], 0)
    const utilities = Array.from({ length: variants }, (_, variant) =>
      sum(variant, (cell) => value[cell] - rate * bid[cell]),
    )
    revenue += sum(truth, (cell) => rate * bid[cell]) / count
    regret += (Math.max(...utilities) - utilities[truth]) / count
  }
  return { revenue, regret }
}

/** Two bidders of one ad each as one of two ads: cells of a variant stand side by side. */
const joined = (samples: PaymentSamples): PaymentSamples => {
  const { count, variants, otherBids } = samples
  const join = <Table extends Float32Array | Int32Array | Uint32Array>(table: Table, width = 1): Table => {
    const cells = table.slice() as Table
    for (let cell = 0; cell < count * variants; cell++) {
      const [pair, place] = [Math.floor(cell / variants / 2), Math.floor(cell / variants) % 2]
      const to = (pair * variants + (cell % variants)) * 2 + place
      cells.set(table.subarray(cell * width, (cell + 1) * width), to * width)
    }
    return cells
  }
  const { vector, slot, logZ, pCtr, pivotPrice, bid, exposure, value } = samples
  return {
    ...samples,
    ...{ count: count / 2, ads: 2, vector: join(vector), slot: join(slot), logZ: join(logZ), pCtr: join(pCtr) },
    ...{ pivotPrice: join(pivotPrice), bid: join(bid), exposure: join(exposure), value: join(value) },
    otherBids: join(otherBids, shape.listLength - 1),
  }
}

describe('revenue and regret are those of plain arithmetic, whatever the batches', () => {
  const { samples } = secondPriceWorld(700, 3)

  test.each([0.3, 0.9])('of single ads at the rate %f', async (rate) => {
    const expected = outcomeOf(samples, rate)
    const actual = await paymentOutcome(shape, samples, constantRate(rate), 1)
    expect(actual.revenue / expected.revenue).toBeCloseTo(1, 4)
    expect(actual.regret / expected.regret).toBeCloseTo(1, 4)
  })

  test.each([0.3, 0.9])('of bidders with two ads, who multiply both bids, at the rate %f', async (rate) => {
    const expected = outcomeOf(joined(samples), rate)
    const actual = await paymentOutcome(shape, joined(samples), constantRate(rate), 1)
    expect(actual.revenue / expected.revenue).toBeCloseTo(1, 4)
    expect(actual.regret / expected.regret).toBeCloseTo(1, 4)
    // What one of the ads gains by a multiplier, the other may lose.
    expect(expected.regret).toBeLessThan(2 * outcomeOf(samples, rate).regret)
    expect(expected.revenue).toBeCloseTo(2 * outcomeOf(samples, rate).revenue, 9)
  })
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
})
