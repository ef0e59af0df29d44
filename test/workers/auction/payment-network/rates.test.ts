import { describe, expect, test } from 'vitest'
import { paymentRates } from '../../../../workers/auction/payment-network/rates.ts'
import { type PaymentShape, paymentLayout } from '../../../../workers/auction/payment-network/shape.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { initialParameters, parametersOf } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, type Tensors } from '../../../../workers/tensor/session.ts'
import { checkGradients, uniform } from '../../tensor/support/gradient-check.ts'
import { runModel } from '../../tensor/support/run-graph.ts'

const shape: PaymentShape = { listLength: 3, itemDimensions: 2, hidden: [5, 4], seesOwnBid: false, price: 'Rate' }

const inputsOf = ({ listLength, itemDimensions }: PaymentShape, lists: number): Tensors => ({
  items: uniform(1, [lists, listLength, itemDimensions]),
  bids: uniform(2, [lists, listLength], 0.2, 3),
  logZ: uniform(3, [lists, listLength], -4, -0.5),
  pCtr: uniform(4, [lists, listLength], 0.2, 0.9),
  isAd: float32(
    [lists, listLength],
    Float32Array.from({ length: lists * listLength }, (_, entry) => Number(entry % 3 !== 1)),
  ),
})

const roughParameters = (of: PaymentShape): Float32Array => {
  const random = new Random('rough')
  return initialParameters(paymentLayout(of), 1).map((value) => value + 0.5 * random.normal())
}

const ratesOf = async (of: PaymentShape, inputs: Tensors): Promise<Float32Array> => {
  const graph = new Graph()
  const layout = paymentLayout(of)
  const parameters = parametersOf(graph.input('parameters', 'float32', [layout.size]), layout)
  const value = (name: string): Value => graph.input(name, 'float32', ['N', ...inputs[name].shape.slice(1)])
  const lists = { bids: value('bids'), logZ: value('logZ'), pCtr: value('pCtr'), isAd: value('isAd') }
  const known = {
    ...lists,
    ...(of.itemDimensions === 0 ? {} : { items: value('items') }),
    ...(of.price === 'Threshold' ? { pivotPrice: value('pivotPrice') } : {}),
  }
  graph.output('rates', paymentRates(parameters, of, known))
  const flat = roughParameters(of)
  const { items: _items, ...others } = inputs
  const given = of.itemDimensions === 0 ? others : inputs
  const outputs = await runModel(writeModel(graph), { ...given, parameters: float32([flat.length], flat) })
  return outputs.rates.data as Float32Array
}

describe('rates of payment', () => {
  test('lie between 0 and 1, and are 0 for organic entries', async () => {
    const inputs = inputsOf(shape, 40)
    for (const [entry, rate] of (await ratesOf(shape, inputs)).entries()) {
      if (inputs.isAd.data[entry] === 0) expect(rate).toBe(0)
      else {
        expect(rate).toBeGreaterThan(0)
        expect(rate).toBeLessThanOrEqual(1)
      }
    }
  })

  test('follow the bids of the others, and the own bid only where the network sees it', async () => {
    for (const seesOwnBid of [false, true]) {
      const of = { ...shape, seesOwnBid }
      const inputs = inputsOf(of, 1)
      const before = await ratesOf(of, inputs)
      const bids = (inputs.bids.data as Float32Array).with(0, 9)
      const after = await ratesOf(of, { ...inputs, bids: float32([1, 3], bids) })
      if (seesOwnBid) expect(Math.abs(after[0] - before[0])).toBeGreaterThan(1e-3)
      else expect(after[0]).toBe(before[0])
      expect(Math.abs(after[2] - before[2])).toBeGreaterThan(2e-5)
    }
  })

  test('by thresholds leave the price as it is while only the own bid changes, and take no more than the bid', async () => {
    const of: PaymentShape = { ...shape, price: 'Threshold' }
    const inputs: Tensors = { ...inputsOf(of, 1), pivotPrice: float32([1, 3], [0.05, 0.1, 0.2]) }
    const priceUnder = async (bid: number): Promise<number> => {
      const bids = (inputs.bids.data as Float32Array).with(0, bid)
      const [rate] = await ratesOf(of, { ...inputs, bids: float32([1, 3], bids) })
      expect(rate).toBeLessThanOrEqual(1)
      return rate * bid
    }
    const price = await priceUnder(20)
    expect((await priceUnder(40)) / price).toBeCloseTo(1, 4)
    expect((await priceUnder(price / 10)) / (price / 10)).toBeCloseTo(1, 3)
  })

  test('are finite for probabilities of nothing, for a list of one slot, and without vectors of items', async () => {
    const inputs = inputsOf(shape, 1)
    const impossible = { ...inputs, logZ: float32([1, 3], [-1e30, -200, 0]), pCtr: float32([1, 3], [0, 1e-30, 1]) }
    expect((await ratesOf(shape, impossible)).every(Number.isFinite)).toBe(true)
    const single: PaymentShape = { listLength: 1, itemDimensions: 0, hidden: [], seesOwnBid: false, price: 'Rate' }
    const [rate] = await ratesOf(single, inputsOf({ ...single, itemDimensions: 1 }, 1))
    expect(rate).toBeGreaterThan(0)
  })

  test('have the gradients of finite differences', async () => {
    const of = { ...shape, seesOwnBid: true }
    const layout = paymentLayout(of)
    const flat = roughParameters(of)
    await checkGradients({ ...inputsOf(of, 2), flat: float32([flat.length], flat) }, (values) =>
      paymentRates(parametersOf(values.flat, layout), of, {
        items: values.items,
        bids: values.bids,
        logZ: values.logZ,
        pCtr: values.pCtr,
        isAd: values.isAd,
      }),
    )
  })
})
