import { describe, expect, test } from 'vitest'
import { catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { type GeneratorShape, generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { listInputs, pretrainingModel } from '../../../../workers/ranker/ega/pretraining-model.ts'
import { float32, int32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { evaluationStep } from '../../../../workers/tensor/training-step.ts'
import { checkModelGradients } from './model-gradients.ts'
import { roughParameters, separated, smallCatalogue, smallShape } from './small-generator.ts'

const itemCount = 16
const catalogue = smallCatalogue(itemCount)
const separate = (shape: GeneratorShape): GeneratorShape => ({ ...shape, tokenEmbedding: 'Separate' })
const namesOf = (shape: GeneratorShape): string[] => generatorLayout(shape).parameters.map(({ name }) => name)
const own = (name: string): string => `encoder.token.${name}`

const itemTables = ['item.code.0', 'item.code.1', 'item.code.2', 'item.feature.weight', 'item.embedding']
const creativeTables = ['creative.code.0', 'creative.code.1', 'creative.feature.weight', 'creative.unknown']

describe('an encoder with a token embedding of its own', () => {
  test('has all that vectors of items and creatives are made of, beside what the decoders read', () => {
    const shape = smallShape(itemCount, { creativePrediction: 'NextToken' })
    const added = [...itemTables, ...creativeTables].map(own)
    const names = namesOf(separate(shape))
    expect(names.filter((name) => !added.includes(name))).toEqual(namesOf(shape))
    expect(names.filter((name) => added.includes(name))).toEqual(added)
    const without = smallShape(itemCount, { creatives: undefined, itemEmbeddings: 0 })
    const few = itemTables.slice(0, -1).map(own)
    expect(namesOf(separate(without)).filter((name) => !namesOf(without).includes(name))).toEqual(few)
  })

  test('leaves a decoder that never reads a creative the codes that it predicts', () => {
    const shape = smallShape(itemCount)
    const names = namesOf(separate(shape))
    expect(namesOf(shape).filter((name) => !names.includes(name))).toEqual(creativeTables.slice(2))
  })
})

describe.each(['MTP', 'NextToken'] as const)('pre-training of two token embeddings, creatives by %s', (prediction) => {
  const shape = smallShape(itemCount, { layers: 1, listLength: 3, creativePrediction: prediction })
  const batch: Tensors = {
    ...catalogueTensors(shape, catalogue),
    ...historyTensors(shape, [
      { items: Uint32Array.of(3, 1, 7), creatives: Int32Array.of(6, -1, 14) },
      { items: new Uint32Array(0) },
    ]),
    [listInputs.items]: int32([2, 3], [4, 9, 2, 11, 5, 0]),
    [listInputs.creatives]: int32([2, 3], [8, -1, 5, 23, 10, -1]),
    [listInputs.weights]: float32([2, 3], [1, 1, 1, 1, 2, 0]),
    [listInputs.creativeWeights]: float32([2, 3], [1, 0, 1, 1, 2, 0]),
  }
  const modelOf = (of: GeneratorShape) =>
    pretrainingModel(of, catalogue.items, catalogue.creatives?.count ?? 0, {
      batch: 2,
      regularization: { dropout: 0, labelSmoothing: 0.1 },
    })
  const lossOf = async (of: GeneratorShape, parameters: Float32Array): Promise<number> => {
    const session = await Session.create(evaluationStep(modelOf(of)), { threads: 1 })
    const { loss } = await session.run({ ...batch, parameters: float32([parameters.length], parameters) })
    await session.release()
    return Number(loss.data[0])
  }

  test('has the loss of the shared one where both are alike, and another where they are not', async () => {
    const shared = await lossOf(shape, roughParameters(shape))
    expect(await lossOf(separate(shape), separated(shape, roughParameters(shape)))).toBeCloseTo(shared, 5)
    const apart = separated(shape, roughParameters(shape))
    for (const { name, offset, size } of generatorLayout(separate(shape)).parameters)
      if (name === own('item.code.0')) apart.fill(1, offset, offset + size)
    expect(await lossOf(separate(shape), apart)).not.toBeCloseTo(shared, 3)
  })

  test('goes down the gradient of its loss, and every parameter of both has a part in it', async () => {
    const own = separate(shape)
    expect(await checkModelGradients(modelOf(own), roughParameters(own), batch)).toEqual([])
  })
})
