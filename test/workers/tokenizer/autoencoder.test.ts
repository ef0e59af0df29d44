import { expect, test } from 'vitest'
import { initialParameters, unpack } from '../../../workers/tensor/parameters.ts'
import { autoencoderLayout } from '../../../workers/tokenizer/autoencoder.ts'
import { openHalf } from '../../../workers/tokenizer/code-space.ts'
import { normals } from './support.ts'

const plain = { dimensions: 3, hidden: [4], latentDimensions: 3 }
const residual = { ...plain, residual: true }
const inputs = normals(30, 'inputs')

async function applied(part: 'encoder' | 'decoder', shape: typeof plain, weights: Float32Array): Promise<Float32Array> {
  const half = await openHalf(part, shape)
  try {
    return await half.apply(weights, inputs)
  } finally {
    await half.release()
  }
}

/** [n, from] to [n, to], written out. */
const layer = (rows: number[][], weight: Float32Array, bias: Float32Array): number[][] =>
  rows.map((row) =>
    Array.from(bias, (start, to) =>
      row.reduce((sum, value, from) => sum + value * weight[from * bias.length + to], start),
    ),
  )

test.each(['encoder', 'decoder'] as const)('a residual %s starts by giving back what it is given', async (part) => {
  const weights = initialParameters(autoencoderLayout(residual), 1)
  expect(await applied(part, residual, weights)).toEqual(inputs)
  expect(await applied(part, plain, initialParameters(autoencoderLayout(plain), 1))).not.toEqual(inputs)
})

test.each(['encoder', 'decoder'] as const)(
  'a residual %s adds to its input what its layers make of it',
  async (part) => {
    const layout = autoencoderLayout(residual)
    const weights = normals(layout.size, 'weights')
    const named = unpack(weights, layout)
    const of = (name: string) => named.get(`${part}.${name}`) ?? expect.unreachable(name)
    const rows = Array.from({ length: 10 }, (_, row) => [...inputs.subarray(row * 3, row * 3 + 3)])
    const hidden = layer(rows, of('0.weight'), of('0.bias')).map((row) => row.map((value) => Math.max(0, value)))
    const made = layer(hidden, of('1.weight'), of('1.bias')).flat()
    const found = await applied(part, residual, weights)
    found.forEach((value, at) => {
      expect(value).toBeCloseTo(inputs[at] + made[at], 4)
    })
  },
)
