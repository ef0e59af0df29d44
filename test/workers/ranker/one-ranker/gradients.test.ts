import { describe, expect, test } from 'vitest'
import { isOfRanker, type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'
import { checkModelGradients, gradientOf } from '../ega/model-gradients.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { itemCount, tinyBatch, tinyTraining } from './tiny-training.ts'

const all = { multiToken: 0.7, rank: 1.3, consistency: 0.9 }
const tiny = (changes: Partial<OneRankerShape> = {}): OneRankerShape =>
  smallOneRanker(itemCount, { hiddenSize: 8, feedForwardSize: 12, layers: 1, interestTokens: 2, ...changes })

/** Names of the parameters that the losses move, and of those that they leave alone. */
async function movedBy(shape: OneRankerShape, weights: typeof all) {
  const tensors = tinyBatch(shape)
  const gradient = await gradientOf(tinyTraining(shape, weights), roughOneRanker(shape), tensors)
  const moved = { some: [] as string[], none: [] as string[] }
  for (const [name, values] of unpack(gradient, oneRankerLayout(shape)))
    moved[values.every((each) => each === 0) ? 'none' : 'some'].push(name)
  return moved
}

describe('the losses of OneRanker', () => {
  test.each([
    { historyTokens: 'Flattened', rankerLayers: 2 },
    { attentionOrder: 'SelfFirst', selfMask: 'Full', rankerMemory: 'StepOne' },
    { taskDecoupling: false, fakeItems: 0 },
    { refinement: false },
  ] as const satisfies readonly Partial<OneRankerShape>[])(
    'have the gradient of every parameter, %o',
    async (changes) => {
      const shape = tiny(changes)
      const model = tinyTraining(shape, all)
      // Tokens enter multiplied by the root of the width, and differences are coarse for them.
      expect(await checkModelGradients(model, roughOneRanker(shape), tinyBatch(shape), 1e-2)).toEqual([])
    },
  )

  test('leave fixed centres alone, and nothing else', async () => {
    expect((await movedBy(tiny({ centres: 'Fixed' }), all)).none).toEqual(['fake.centres'])
  })

  test('move the generator alone where consistency is all that counts', async () => {
    const { some, none } = await movedBy(tiny(), { multiToken: 0, rank: 0, consistency: 1 })
    expect(none.filter(isOfRanker)).toEqual(none.filter((name) => !name.startsWith('level.')))
    expect(some.some(isOfRanker)).toBe(false)
    expect(some).toEqual(
      expect.arrayContaining([
        'item.code.0',
        'generator.0.input.weight',
        'refinement.1.self.input.weight',
        'task.tokens',
      ]),
    )
    expect(some.length).toBeGreaterThan(40)
  })
})
