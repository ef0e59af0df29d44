import { describe, expect, test } from 'vitest'
import { learnQuantizer } from '../../../workers/tokenizer/quantizer.ts'
import { utilization } from '../../../workers/tokenizer/residual-quantizer.ts'
import type { RqVaeOptions } from '../../../workers/tokenizer/rq-vae.ts'
import { clusteredPoints, quietly, smallRqVae } from './support.ts'

const dimensions = 6

const learn = (points: Float32Array, changed: Partial<RqVaeOptions>) => {
  const options = { levels: 2, codebookSize: 4, iterations: 10, seed: 4, rqvae: { ...smallRqVae, ...changed } }
  return learnQuantizer(points, [{ dimensions }], options, quietly)
}

describe('an RQ-VAE', () => {
  const points = clusteredPoints(320)

  test('finds clusters of clusters: every entry is in use, points of one keep together, the error is small', async () => {
    const learned = await learn(points, { standardize: false, hidden: [32], epochs: 60 })
    const { codes, codebooks, autoencoder } = learned
    expect(codebooks).toMatchObject({ dimensions: 4, sizes: [4, 4] })
    expect(autoencoder).toMatchObject({ dimensions, hidden: [32], latentDimensions: 4 })
    expect(utilization(codes, codebooks.sizes)).toEqual([1, 1])
    const path = (point: number) => codes.subarray(point * 2, point * 2 + 2).join('-')
    const together = Array.from({ length: 320 }, (_, point) => point).filter(
      (point) => path(point) === path(point % 16),
    )
    expect(together.length / 320).toBeGreaterThan(0.9)
    expect(new Set(codes.map((_, index) => codes[index - (index % 2)] * 4 + codes[index | 1])).size).toBeGreaterThan(10)
    expect(learned.reconstructionError).toBeLessThan(0.05)
  })

  test('learns: the error falls with epochs', async () => {
    const errors = []
    for (const epochs of [1, 20]) {
      errors.push((await learn(points, { epochs, standardize: false })).reconstructionError)
    }
    expect(errors[1]).toBeLessThan(errors[0] / 2)
  })
})
