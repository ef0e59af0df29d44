import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillBatch, planEpoch } from '../../../workers/data/batches.ts'
import { trainingWindows } from '../../../workers/data/sequences.ts'
import { batchTensors, bucketsFor } from '../../../workers/ranker/batches.ts'
import { openCatalogue } from '../../../workers/ranker/catalogue.ts'
import { batchInputs } from '../../../workers/ranker/training-model.ts'
import type { TensorData } from '../../../workers/tensor/graph.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { findNode } from '../../../workers/tokenizer/trie.ts'
import { datasetOf, randomCatalogue, smallShape } from './support.ts'

const catalogue = randomCatalogue(2, { items: 40, levels: 2, entries: 8 })
const itemOfCodes = new Map(
  Array.from({ length: 40 }, (_, item) => [catalogue.codes.subarray(2 * item, 2 * item + 2).join(), item]),
)

const sequencesOf = (seed: number, users: number) => {
  const random = new Random(seed, 'sequences')
  return Array.from({ length: users }, () => [...random.permutation(38).subarray(0, 2 + random.below(20))])
}

const epochOf = (sequences: readonly (readonly number[])[], historyLength: number, batchSize: number) => {
  const dataset = datasetOf(sequences, 40)
  const shape = smallShape(catalogue, historyLength)
  const windows = trainingWindows(dataset, { historyLength, predictsFirst: true })
  const buckets = bucketsFor(windows, shape, batchSize)
  const plans = planEpoch(windows, { buckets, seed: 1, epoch: 1 })
  return { dataset, batches: plans.map((plan) => fillBatch(dataset, windows, plan, 0)) }
}

/** Items by row of the code columns `name`. */
const itemsOf = (inputs: Record<string, TensorData>, name: (level: number) => string): number[] => {
  const column = (level: number) => (inputs[name(level)]?.data ?? new Int32Array(0)) as Int32Array
  const [first, second] = [column(0), column(1)]
  return Array.from(first, (code, row) => itemOfCodes.get(`${code},${second[row]}`) ?? -1)
}

describe('training batches', () => {
  it('hold every training item as a target once, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 1, max: 9 }), (seed, historyLength) => {
        const sequences = sequencesOf(seed, 12)
        const targets = epochOf(sequences, historyLength, 4).batches.flatMap((batch) => {
          const inputs = batchTensors(batch, smallShape(catalogue), catalogue)
          const weights = inputs[batchInputs.weights].data
          return itemsOf(inputs, batchInputs.target).filter((_, row) => weights[row] === 1)
        })
        const expected = sequences.flatMap((sequence) => sequence.slice(0, -2))
        expect(targets.sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b))
      }),
      { seed: 20_261_124, numRuns: 20 },
    )
  })

  it('never show an item of the validation or the test part', () => {
    // Items 38 and 39 occur there alone.
    const sequences = sequencesOf(5, 20).map((sequence) => [...sequence, 38, 39])
    const { batches } = epochOf(sequences, 6, 4)
    for (const batch of batches) {
      // Padding stands for item 0 with weight zero; rows within a sequence are real.
      const inputs = batchTensors(batch, smallShape(catalogue), catalogue)
      const shown = [...itemsOf(inputs, batchInputs.target), ...itemsOf(inputs, batchInputs.codes)]
      expect(shown).not.toContain(38)
      expect(shown).not.toContain(39)
    }
  })

  it('read at each position the item before its target', () => {
    const { batches } = epochOf(sequencesOf(6, 15), 7, 4)
    for (const batch of batches) {
      const inputs = batchTensors(batch, smallShape(catalogue), catalogue)
      const [targets, read] = [itemsOf(inputs, batchInputs.target), itemsOf(inputs, batchInputs.codes)]
      const features = inputs[batchInputs.features]?.data as Float32Array | undefined
      for (let sequence = 0; sequence < batch.rows; sequence++) {
        for (let position = 1; position < batch.lengths[sequence]; position++) {
          const row = sequence * (batch.length - 1) + position - 1
          const item = targets[sequence * batch.length + position - 1]
          expect(read[row]).toBe(item)
          expect(features?.subarray(6 * row, 6 * row + 6)).toEqual(catalogue.features.subarray(6 * item, 6 * item + 6))
        }
      }
    }
  })

  it('name the children of the node before each target, and its place among them', () => {
    const { batches } = epochOf(sequencesOf(7, 6), 5, 3)
    const inputs = batchTensors(batches[0], smallShape(catalogue), catalogue)
    const targets = itemsOf(inputs, batchInputs.target)
    const weights = inputs[batchInputs.weights].data
    const [first, count, place] = [batchInputs.first(1), batchInputs.count(1), batchInputs.place(1)].map(
      (name) => inputs[name].data as Int32Array,
    )
    for (const [row, item] of targets.entries()) {
      if (weights[row] === 0) continue
      const siblings = Array.from(catalogue.tokens.subarray(first[row], first[row] + count[row]))
      const prefix = catalogue.codes[2 * item]
      const isPath = (code: number) => findNode(catalogue.trie, [prefix, code]) !== undefined
      expect(siblings).toEqual([0, 1, 2, 3, 4, 5, 6, 7].filter(isPath))
      expect(siblings[place[row]]).toBe(catalogue.codes[2 * item + 1])
    }
  })

  it('shrink where long histories would need too much memory', () => {
    const sequences = [Array.from({ length: 2050 }, (_, place) => place % 40)]
    const shape = smallShape(catalogue, 2048)
    const windows = trainingWindows(datasetOf(sequences, 40), { historyLength: 2048, predictsFirst: true })
    const [{ batchSize }] = bucketsFor(windows, shape, 512)
    expect(batchSize).toBeGreaterThanOrEqual(1)
    expect(batchSize * shape.heads * 2048 * 2048).toBeLessThanOrEqual(1 << 25)
  })
})

describe('a catalogue', () => {
  it('refuses two items of one path', () => {
    const codes = Uint16Array.of(1, 2, 1, 2)
    const items = { itemCount: 2, levels: 2, codebookSizes: [3, 3], codes, featureDimensions: 1 }
    const nothing = { dimensions: 0, directions: new Float32Array(0) }
    expect(() => openCatalogue({ ...items, features: new Float32Array(2) }, nothing)).toThrow(/same codes/)
  })

  it('knows the node before each level of each item', () => {
    for (let item = 0; item < 40; item++) {
      expect(catalogue.nodes[2 * item]).toBe(0)
      expect(catalogue.nodes[2 * item + 1]).toBe(findNode(catalogue.trie, [catalogue.codes[2 * item]]))
    }
  })
})
