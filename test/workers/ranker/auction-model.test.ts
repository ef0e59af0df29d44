import { expect, test } from 'vitest'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactWriter } from '../../../workers/artifacts/store.ts'
import { type EgaDescription, openEgaModel, writeEgaModel } from '../../../workers/ranker/ega/ega-artifact.ts'
import { modelKind } from '../../../workers/ranker/model-artifact.ts'
import {
  type OneRankerDescription,
  openOneRankerModel,
  writeOneRanker,
} from '../../../workers/ranker/one-ranker/artifact.ts'
import { inputOf, temporaryFolder } from '../artifacts/support.ts'
import { smallCatalogue, smallShape } from './ega/small-generator.ts'
import { smallOneRanker } from './one-ranker/small-one-ranker.ts'

const itemCount = 5
const { offsets, ...catalogue } = smallCatalogue(itemCount)
const things = {
  catalogue,
  creativeOffsets: offsets,
  itemIds: ['a', 'b', 'line\nbreak', 'd', 'e'],
  creativeIds: Array.from({ length: 10 }, (_, creative) => `creative-${creative}`),
}
const weights = { reward: undefined, payment: undefined }
const common = {
  schemaVersion: 1,
  fold: 'First',
  itemCount,
  creativeCount: 10,
  datasetDigest: 'sha256:data',
  tokenizerDigest: 'sha256:codes',
  vocabulary: null,
  stages: [{ name: 'pretrain', digest: 'sha256:stage', epoch: 2, history: [{ loss: 1 }, { loss: 0.5 }] }],
} as const
const terms = {
  objective: { conversion: 0, organic: 0.5 },
  constraints: { maxAds: 2, minGap: 0, maxPerAdvertiser: null },
  paymentRule: 'GSP',
  bidUnit: 2,
} as const

const ega: EgaDescription = {
  ...common,
  architecture: 'EGAV2',
  shapes: { generator: smallShape(itemCount), reward: null, payment: null },
  auction: {
    ...terms,
    allocation: 'Generative',
    bidding: { alpha: 1, beta: 2, aggregate: 'Max', scope: 'Prefix', bids: 'Expected' },
    candidateLists: 4,
  },
}
const oneRanker: OneRankerDescription = {
  ...common,
  architecture: 'OneRanker',
  shapes: { ranker: smallOneRanker(itemCount), reward: null, payment: null },
  listLength: 4,
  auction: { ...terms, candidates: 6, candidateRoute: 'InnerProduct' },
}

const ofEga: ArtifactWriter = (directory) =>
  writeEgaModel(directory, {
    ...things,
    description: ega,
    weights: { ...weights, generator: Float32Array.of(1, 2, 3) },
    expectedBids: Float32Array.of(1, 2, 3, 4, 5),
  })
const ofOneRanker: ArtifactWriter = (directory) =>
  writeOneRanker(directory, {
    ...things,
    description: oneRanker,
    weights: { ...weights, ranker: Float32Array.of(4, 5) },
    isAd: Uint8Array.of(1, 0, 1, 0, 0),
  })

async function published(write: ArtifactWriter, kind = modelKind) {
  const store = openFileStore(await temporaryFolder())
  const { digest } = await store.publish({ kind, inputDigest: inputOf('model'), metadata: {} }, write)
  return store.open(digest)
}

test('a model of each architecture is read as it was written', async () => {
  const [artifact, other] = [await published(ofEga), await published(ofOneRanker)]
  expect(await openEgaModel(artifact)).toEqual({
    ...{ ...ega, ...things, digest: artifact.digest },
    weights: { ...weights, generator: Float32Array.of(1, 2, 3) },
    expectedBids: Float32Array.of(1, 2, 3, 4, 5),
  })
  expect(await openOneRankerModel(other)).toEqual({
    ...{ ...oneRanker, ...things, digest: other.digest },
    weights: { ...weights, ranker: Float32Array.of(4, 5) },
    isAd: Uint8Array.of(1, 0, 1, 0, 0),
  })
})

test('without creatives or networks there are no files of them', async () => {
  const judge = { ...oneRanker, creativeCount: 0, shapes: { ...oneRanker.shapes, ranker: null } }
  const bare = { ...things, catalogue: { ...catalogue, creatives: undefined }, creativeOffsets: undefined }
  const artifact = await published((directory) =>
    writeOneRanker(directory, {
      ...{ ...bare, creativeIds: [], description: judge },
      ...{ weights: { ...weights, ranker: undefined }, isAd: new Uint8Array(itemCount) },
    }),
  )
  const files = ['ads.u8', 'codes.u16', 'directions.f32', 'features.f32', 'items.jsonl', 'model.json']
  expect(artifact.manifest.files.map(({ path }) => path)).toEqual(files)
  expect(await openOneRankerModel(artifact)).toMatchObject({ creativeOffsets: undefined, creativeIds: [] })
})

test('one of the other architecture is refused by its name, and what is no model by its kind', async () => {
  const named = (architecture: string) => ({
    message: expect.stringContaining(`model of architecture ${architecture}`),
  })
  await expect(openOneRankerModel(await published(ofEga))).rejects.toMatchObject(named('EGAV2'))
  await expect(openEgaModel(await published(ofOneRanker))).rejects.toMatchObject(named('OneRanker'))
  await expect(openEgaModel(await published(ofEga, 'Tokenizer'))).rejects.toMatchObject({
    message: expect.stringContaining('Tokenizer'),
  })
})
