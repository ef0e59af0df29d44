import { expect, test } from 'vitest'
import { descriptionOf } from '../../../../workers/processors/staged/publish.ts'
import { smallCatalogue } from '../../ranker/ega/small-generator.ts'

const stage = { name: 'reward', digest: 'sha256:stage', epoch: 1, history: [{ loss: 1 }] } as const
const run = {
  inputs: {
    model: { catalogue: smallCatalogue(5), shapes: { reward: null } },
    sources: { pinned: { dataset: 'sha256:data', tokenizer: 'sha256:codes' }, tokenizer: { vocabulary: undefined } },
    stages: {},
    auction: { paymentRule: 'GSP' },
  },
  stages: [{ ...stage, reused: true, parameters: new Float32Array() }],
}

// Another order would give the models of equal runs other digests than they had.
test('a model is described field by field in one order, with what its architecture alone has behind its shapes', () => {
  const described = descriptionOf('OneRanker', run, { listLength: 4 })
  const ordered = {
    schemaVersion: 1,
    architecture: 'OneRanker',
    shapes: { reward: null },
    listLength: 4,
    fold: null,
    auction: { paymentRule: 'GSP' },
    itemCount: 5,
    creativeCount: 10,
    datasetDigest: 'sha256:data',
    tokenizerDigest: 'sha256:codes',
    vocabulary: null,
    stages: [stage],
  }
  expect(JSON.stringify(described)).toBe(JSON.stringify(ordered))
  expect(Object.keys(descriptionOf('EGAV2', run, {}))).toEqual(
    Object.keys(ordered).filter((field) => field !== 'listLength'),
  )
})
