import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LearningOptions, learnQuantizer } from '../../../workers/tokenizer/quantizer.ts'
import { utilization } from '../../../workers/tokenizer/residual-quantizer.ts'
import type { NetworkOptions } from '../../../workers/tokenizer/rq-vae-training.ts'
import { clusteredPoints, normals, quietly, smallNetwork } from './support.ts'

const options: LearningOptions = { levels: 2, codebookSize: 8, iterations: 10, seed: 4 }

const residualKMeans = (points: Float32Array, dimensions: number, changed: Partial<LearningOptions> = {}) =>
  learnQuantizer(points, [{ dimensions }], { ...options, ...changed }, quietly)

const learn = (
  points: Float32Array,
  dimensions: number,
  network: Partial<NetworkOptions> = {},
  changed: Partial<LearningOptions> = {},
) => residualKMeans(points, dimensions, { ...changed, rqKMeansPlus: { ...smallNetwork, ...network } })

describe('RQ-k-means+', () => {
  test('starts as residual k-means: without a step, codebooks, codes, points and error are the same', async () => {
    const sizes = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      dimensions: fc.integer({ min: 1, max: 5 }),
      levels: fc.integer({ min: 1, max: 3 }),
      codebookSize: fc.integer({ min: 2, max: 9 }),
      hidden: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 2 }),
      seed: fc.nat(1000),
    })
    await fc.assert(
      fc.asyncProperty(sizes, async ({ count, dimensions, hidden, ...changed }) => {
        const points = normals(count * dimensions, 'start', changed.seed)
        const plain = await residualKMeans(points, dimensions, changed)
        const start = await learn(points, dimensions, { epochs: 0, hidden }, changed)
        expect(start).toMatchObject({ codebooks: plain.codebooks, codes: plain.codes, points })
        // The sum of entries is subtracted at once, not entry by entry.
        expect(start.reconstructionError).toBeCloseTo(plain.reconstructionError, 6)
      }),
      { numRuns: 15, seed: 6 },
    )
  })

  test('stands for features with less error the longer it learns, entries stay in use', async () => {
    // Points near a bent line: what is left over depends on where on it a point lies, which sums of entries cannot tell.
    const along = normals(600, 'line')
    const noise = normals(1800, 'noise')
    const points = Float32Array.from({ length: 1800 }, (_, at) => {
      const t = along[Math.floor(at / 3)]
      return [t, t * t - 1, Math.sin(3 * t)][at % 3] + 0.02 * noise[at]
    })
    const plain = await residualKMeans(points, 3)
    const network = { hidden: [32], learningRate: 0.003 }
    const errors = [plain.reconstructionError]
    for (const epochs of [15, 60]) {
      const learned = await learn(points, 3, { ...network, epochs })
      errors.push(learned.reconstructionError)
      expect(Math.min(...utilization(learned.codes, learned.codebooks.sizes))).toBeGreaterThan(0.8)
    }
    expect(errors[1]).toBeLessThan(errors[0])
    expect(errors[2]).toBeLessThan(0.8 * errors[0])
  })

  test('keeps latent vectors among the features, unscaled, and says that its network adds to them', async () => {
    const points = clusteredPoints(320).map((value) => 5 * value)
    const { autoencoder, codebooks, points: latent } = await learn(points, 6)
    expect(autoencoder).toMatchObject({ dimensions: 6, latentDimensions: 6, residual: true, hidden: [16] })
    expect(autoencoder?.scale.factor).toEqual(new Float32Array(6).fill(1))
    expect(codebooks.dimensions).toBe(6)
    const moved = latent.map((value, at) => Math.abs(value - points[at]))
    expect(Math.max(...moved)).toBeGreaterThan(1e-3)
    expect(moved.reduce((sum, value) => sum + value, 0) / moved.length).toBeLessThan(1)
  })
})
