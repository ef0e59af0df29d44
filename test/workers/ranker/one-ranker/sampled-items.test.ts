import fc from 'fast-check'
import { expect, test } from 'vitest'
import { catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { sampleTensors } from '../../../../workers/ranker/one-ranker/sample-tensors.ts'
import { drawItems, sampledTensors } from '../../../../workers/ranker/one-ranker/sampled-items.ts'
import { generatorPart } from '../../../../workers/ranker/one-ranker/start.ts'
import {
  headCount,
  oneRankerTrainingModel,
  targetInputs,
} from '../../../../workers/ranker/one-ranker/training-model.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, Session } from '../../../../workers/tensor/session.ts'
import { evaluationStep } from '../../../../workers/tensor/training-step.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { itemCount, smallData } from './small-market.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'

test('a sample has all targets, others once, and stands for the whole catalogue', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }).chain((count) =>
        fc.record({
          count: fc.constant(count),
          targets: fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 8 }),
          more: fc.nat(20),
          seed: fc.nat(),
        }),
      ),
      ({ count, targets, more, seed }) => {
        const certain = new Set(targets).size
        const { items, logWeight, place } = drawItems(Int32Array.from(targets), certain + more, count, new Random(seed))
        for (const [index, item] of targets.entries()) {
          expect(items[place[index]]).toBe(item)
          expect(logWeight[place[index]]).toBe(0)
        }
        const counted = [...items].filter((_, at) => Math.exp(logWeight[at]) > 0)
        expect(new Set(counted).size).toBe(counted.length)
        expect(counted.length).toBe(Math.min(count, certain + more))
        const stands = logWeight.reduce((sum, each) => sum + Math.exp(each), 0)
        if (more > 0 || certain === count) expect(stands).toBeCloseTo(count, 3)
      },
    ),
  )
})

test('a sample that is the whole catalogue has its loss', async () => {
  const shape = generatorPart(smallOneRanker(itemCount, { interestTokens: 2 }))
  const catalogue = smallCatalogue(itemCount)
  const { targets } = smallData(2)
  const values = { item: new Int32Array(99).fill(5), weight: new Float32Array(99).fill(0.7) }
  const options = { batch: 2, regularization: { dropout: 0, labelSmoothing: 0 }, semanticIdWeight: 0 }
  const tensors = {
    ...catalogueTensors(shape, catalogue),
    ...sampleTensors(shape, targets, targets.validation, values, { rows: [1, 4], batch: 2 }),
  }
  const wanted = tensors[targetInputs.items].data as Int32Array
  const flat = roughOneRanker(shape)
  const lossOf = async (sampledItems: number) => {
    const model = oneRankerTrainingModel(shape, catalogue.items, { ...options, sampledItems })
    const session = await Session.create(evaluationStep(model), { threads: 1 })
    const drawn =
      sampledItems === 0 ? {} : sampledTensors(wanted, headCount(shape), sampledItems, itemCount, new Random(1))
    const { loss } = await session.run({ ...tensors, ...drawn, parameters: float32([flat.length], flat) })
    await session.release()
    return Number(loss.data[0])
  }
  expect(await lossOf(itemCount)).toBeCloseTo(await lossOf(0), 4)
  expect(Math.abs((await lossOf(1)) - (await lossOf(0)))).toBeGreaterThan(1e-3)
})
