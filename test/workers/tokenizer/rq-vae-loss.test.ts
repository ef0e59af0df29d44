import { describe, expect, test } from 'vitest'
import { gradients } from '../../../workers/tensor/autodiff.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { initialParameters, parametersOf } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { float32, type Tensors } from '../../../workers/tensor/session.ts'
import { flatGradient } from '../../../workers/tensor/training-step.ts'
import {
  codebookName,
  nearestEntry,
  quantizeLatent,
  rqVaeModel,
  straightThrough,
} from '../../../workers/tokenizer/rq-vae-loss.ts'
import { evaluate } from '../tensor/support/run-graph.ts'
import { normals } from './support.ts'

const numbers = (data: ArrayLike<number | bigint>): number[] => Array.from(data, Number)

/** Two points, two levels of two entries; worked out by hand below. */
const tensors: Tensors = {
  latent: float32([2, 2], [1, 0, 0, 3]),
  first: float32([2, 2], [1, 1, 0, 2]),
  second: float32([2, 2], [0, -1, 1, 1]),
}
// Point (1, 0): nearest (1, 1), left over (0, -1), nearest (0, -1), left over (0, 0).
// Point (0, 3): nearest (0, 2), left over (0, 1), nearest (1, 1), left over (-1, 0).

describe('the quantization of latent vectors', () => {
  test('chooses the nearest entry, the first among equals', async () => {
    const { codes } = await evaluate(
      { points: float32([3, 1], [0.4, 0.5, 9]), entries: float32([3, 1], [0, 1, 1]) },
      ({ points, entries }) => ({ codes: nearestEntry(points, entries) }),
    )
    expect(numbers(codes.data)).toEqual([0, 0, 1])
  })

  test('sums the entries of all levels and measures what is left at each', async () => {
    const found = await evaluate(tensors, ({ latent, first, second }) => {
      const { quantized, codebookLoss, commitmentLoss } = quantizeLatent(latent, [first, second])
      return { quantized, codebookLoss, commitmentLoss }
    })
    expect(numbers(found.quantized.data)).toEqual([1, 0, 1, 3])
    // Squares left by level: 1 + 1 and 0 + 1, each over 4 numbers.
    expect(found.codebookLoss.data[0]).toBeCloseTo(3 / 4, 6)
    expect(found.commitmentLoss.data[0]).toBeCloseTo(3 / 4, 6)
  })

  test('lets the codebook loss move entries alone, the commitment loss latent vectors alone', async () => {
    const found = await evaluate(tensors, (values) => {
      const { latent, first, second } = values
      const { codebookLoss, commitmentLoss } = quantizeLatent(latent, [first, second])
      const of = [latent, first, second]
      const [a, b, c] = gradients(codebookLoss, of)
      const [d, e, f] = gradients(commitmentLoss, of)
      return { a, b, c, d, e, f }
    })
    // d/de of mean (r - e)^2 over 4 numbers is (e - r) / 2 for each point that chose it.
    expect(numbers(found.a.data)).toEqual([0, 0, 0, 0])
    expect(numbers(found.b.data)).toEqual([0, 0.5, 0, -0.5])
    expect(numbers(found.c.data)).toEqual([0, 0, 0.5, 0])
    // d/dz: the residual before minus the entry at either level, (0, -1) + (0, 0) and (0, 1) + (-1, 0), halved.
    expect(numbers(found.d.data).map((value) => value + 0)).toEqual([0, -0.5, -0.5, 0.5])
    expect(numbers(found.e.data)).toEqual([0, 0, 0, 0])
    expect(numbers(found.f.data)).toEqual([0, 0, 0, 0])
  })

  test('passes the gradient of the decoder straight through to the encoder', async () => {
    const found = await evaluate(
      { latent: float32([2], [1, 2]), quantized: float32([2], [5, -1]), weights: float32([2], [3, 7]) },
      ({ latent, quantized, weights }) => {
        const passed = straightThrough(latent, quantized)
        const [toLatent, toQuantized] = gradients(op.reduceSum(op.mul(op.square(passed), weights)), [latent, quantized])
        return { passed, toLatent, toQuantized }
      },
    )
    expect(numbers(found.passed.data)).toEqual([5, -1])
    // 2 * weight * quantized: the gradient where the value is.
    expect(numbers(found.toLatent.data)).toEqual([30, -14])
    expect(numbers(found.toQuantized.data)).toEqual([0, 0])
  })
})

describe('the loss', () => {
  const shape = { dimensions: 3, hidden: [4], latentDimensions: 2, levels: 2, codebookSize: 3 }
  const features = float32([5, 3], normals(15, 'loss'))

  async function lossWith(commitment: number) {
    const model = rqVaeModel({ ...shape, commitment }, 5)
    const random = new Random('weights')
    const flat = initialParameters(model.layout, 3).map((value) => value + 0.3 * random.normal())
    const tensors = { flat: float32([flat.length], flat), features }
    const found = await evaluate(tensors, ({ flat: parameters, features: batch }) => {
      const byName = parametersOf(parameters, model.layout)
      const { loss, metrics } = model.loss(byName, { features: batch })
      const codebooks = [0, 1].map((level) => byName(codebookName(level)))
      const all = flatGradient(loss, byName, model.layout, () => true)
      const reconstruction = metrics?.reconstruction ?? expect.unreachable('it is told')
      return { loss, reconstruction, codebook: op.reshape(codebooks[0], [-1]), gradient: all }
    })
    const { offset, size } =
      model.layout.parameters.find(({ name }) => name === codebookName(0)) ?? expect.unreachable()
    return {
      loss: Number(found.loss.data[0]),
      reconstruction: Number(found.reconstruction.data[0]),
      gradient: numbers(found.gradient.data),
      codebook: { offset, end: offset + size },
    }
  }

  test('is linear in the weight of the commitment, which does not reach codebooks', async () => {
    const [none, quarter, whole] = [await lossWith(0), await lossWith(0.25), await lossWith(1)]
    expect(quarter.loss - none.loss).toBeCloseTo((whole.loss - none.loss) / 4, 5)
    // Entries are as far from residuals as residuals from entries.
    expect(whole.loss - none.loss).toBeCloseTo(none.loss - none.reconstruction, 5)
    const { offset, end } = none.codebook
    expect(whole.gradient.slice(offset, end)).toEqual(none.gradient.slice(offset, end))
    expect(whole.gradient.slice(0, offset)).not.toEqual(none.gradient.slice(0, offset))
  })
})
