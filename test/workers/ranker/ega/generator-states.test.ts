import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DecoderCaches, decodeStep } from '../../../../workers/ranker/ega/decoder.ts'
import { catalogueSpecs, catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import {
  alternates,
  decoderPositions,
  encoderPositions,
  type GeneratorShape,
  generatorLayout,
} from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyInputs, historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { batchMemory, batchSpecs, listInputs, listStates } from '../../../../workers/ranker/ega/pretraining-model.ts'
import { creativesAt, itemsAt, tableOf } from '../../../../workers/ranker/ega/token-vectors.ts'
import { Graph, type Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../../workers/tensor/operators.ts'
import { constantParameters } from '../../../../workers/tensor/parameters.ts'
import { int32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { roughParameters, smallCatalogue, smallShape } from './small-generator.ts'

const itemCount = 20
const batch = 2
const catalogue = smallCatalogue(itemCount)
const keep = (_place: string, value: Value) => value

/** States of whole lists at once, and the same position by position as a beam search goes, [batch * listLength, hiddenSize]. */
function graphOf(shape: GeneratorShape): Graph {
  const graph = new Graph()
  const specs = {
    ...catalogueSpecs(shape, catalogue.items, catalogue.creatives?.count ?? 0),
    ...batchSpecs(shape, batch),
  }
  const read = Object.entries(specs).filter(([name]) => !name.startsWith('trie.') && !name.endsWith('weights'))
  const inputs = Object.fromEntries(read.map(([name, { type, shape: size }]) => [name, graph.input(name, type, size)]))
  const parameters = constantParameters(graph, roughParameters(shape), generatorLayout(shape))
  const memory = batchMemory(parameters, shape, inputs, keep)
  const whole = listStates(parameters, shape, inputs, memory, keep)
  graph.output('items', whole.items)
  if (whole.creatives !== undefined) graph.output('creatives', whole.creatives)
  const tokens = {
    items: itemsAt(parameters, shape, tableOf('item', inputs, shape.codebookSizes), inputs[listInputs.items]),
    creatives:
      alternates(shape) && shape.creatives !== undefined
        ? creativesAt(
            parameters,
            shape,
            tableOf('creative', inputs, shape.creatives.codebookSizes),
            inputs[listInputs.creatives],
          )
        : undefined,
  }
  const states: Value[] = []
  let caches: DecoderCaches = memory.blocks.map(() => undefined)
  let token: Value | undefined
  for (let position = 0; position < decoderPositions(shape) - (alternates(shape) ? 1 : 0); position++) {
    const step = decodeStep(parameters, shape, token, { groups: batch, beams: 1, position }, memory, caches)
    states.push(op.reshape(step.state, [batch, 1, shape.hiddenSize]))
    caches = step.caches
    const each = alternates(shape) ? 2 : 1
    const slot = Math.floor(position / each)
    const source = position % each === 1 && tokens.creatives !== undefined ? tokens.creatives : tokens.items
    token = op.slice(source, 1, slot, slot + 1)
  }
  graph.output('steps', op.concat(states, 1))
  return graph
}

const list = {
  [listInputs.items]: int32([batch, 4], [4, 9, 2, 11, 5, 0, 19, 7]),
  [listInputs.creatives]: int32([batch, 4], [8, 19, -1, 23, 10, 1, 38, 14]),
}

const tensorsOf = (shape: GeneratorShape): Tensors => {
  const constants = Object.entries(catalogueTensors(shape, catalogue)).filter(([name]) => !name.startsWith('trie.'))
  const history = historyTensors(shape, [
    { items: Uint32Array.of(3, 1), creatives: Int32Array.of(6, -1) },
    { items: new Uint32Array(0) },
  ])
  return { ...Object.fromEntries(constants), ...history, ...list }
}

const rowsOf = (data: ArrayLike<number>, row: number, size: number): number[] =>
  Array.from({ length: size }, (_, index) => data[row * size + index])

describe.each([
  { historyTokens: 'Flattened', creativePrediction: 'MTP' },
  { historyTokens: 'Flattened', creativePrediction: 'NextToken' },
  { historyTokens: 'Summed', creativePrediction: 'MTP' },
  { historyTokens: 'Flattened', creativePrediction: 'MTP', tokenEmbedding: 'Separate' },
  { historyTokens: 'Summed', creativePrediction: 'NextToken', tokenEmbedding: 'Separate' },
] as const)('a generator of %o', (changes) => {
  const shape = smallShape(itemCount, changes)
  let session: Session
  beforeAll(async () => {
    session = await Session.create(writeModel(graphOf(shape)), { threads: 1 })
  })
  afterAll(() => session.release())

  const run = async (changes: Tensors = {}) => {
    const outputs = await session.run({ ...tensorsOf(shape), ...changes })
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]))
  }

  test('has the states of a whole list position by position too, as a beam search comes by them', async () => {
    const { items, steps } = await run()
    const width = shape.hiddenSize
    const each = alternates(shape) ? 2 : 1
    const positions = decoderPositions(shape) - (alternates(shape) ? 1 : 0)
    for (let row = 0; row < batch; row++)
      for (let slot = 0; slot < shape.listLength; slot++) {
        const stepped = rowsOf(steps, row * positions + slot * each, width)
        for (const [index, value] of rowsOf(items, row * shape.listLength + slot, width).entries())
          expect(value).toBeCloseTo(stepped[index], 4)
      }
  })

  test('does not see what lies before the beginning of a history', async () => {
    const garbage = await run({
      [historyInputs.items]: int32([batch, 4], [17, 12, 3, 1, 9, 9, 8, 8]),
      [historyInputs.creatives]: int32([batch, 4], [30, 5, 6, -1, 1, 2, 3, 4]),
    })
    expect(garbage).toEqual(await run())
  })

  test('does see the order of a history, its creatives and its absence', async () => {
    const { items } = await run()
    const swapped = await run({ [historyInputs.items]: int32([batch, 4], [0, 0, 1, 3, 0, 0, 0, 0]) })
    const shown = await run({ [historyInputs.creatives]: int32([batch, 4], [-1, -1, 7, -1, -1, -1, -1, -1]) })
    const first = shape.listLength * shape.hiddenSize
    for (const other of [swapped.items, shown.items]) {
      expect(other.subarray(0, first)).not.toEqual(items.subarray(0, first))
      expect(other.subarray(first)).toEqual(items.subarray(first))
    }
  })

  test('predicts each entry from those before it alone', async () => {
    const before = await run()
    const later = await run({
      [listInputs.items]: int32([batch, 4], [4, 9, 6, 13, 5, 0, 1, 18]),
      [listInputs.creatives]: int32([batch, 4], [8, 19, 12, 26, 10, 1, 2, 36]),
    })
    const width = shape.hiddenSize
    for (let row = 0; row < batch; row++) {
      const from = row * shape.listLength * width
      expect(later.items.subarray(from, from + 3 * width)).toEqual(before.items.subarray(from, from + 3 * width))
      expect(later.items.subarray(from + 3 * width, from + 4 * width)).not.toEqual(
        before.items.subarray(from + 3 * width, from + 4 * width),
      )
      // A creative follows from its item as well.
      expect(later.creatives.subarray(from, from + 2 * width)).toEqual(
        before.creatives.subarray(from, from + 2 * width),
      )
      expect(later.creatives.subarray(from + 2 * width, from + 3 * width)).not.toEqual(
        before.creatives.subarray(from + 2 * width, from + 3 * width),
      )
    }
  })
})

test('positions of a generator: three of a behaviour where they are flattened, two of an entry where tokens alternate', () => {
  const shape = smallShape(itemCount, { historyLength: 7, listLength: 5 })
  expect(encoderPositions(shape)).toBe(22)
  expect(encoderPositions({ ...shape, historyTokens: 'Summed' })).toBe(8)
  expect(decoderPositions(shape)).toBe(5)
  expect(decoderPositions({ ...shape, creativePrediction: 'NextToken' })).toBe(10)
  expect(decoderPositions({ ...shape, creativePrediction: 'NextToken', creatives: undefined })).toBe(5)
})
