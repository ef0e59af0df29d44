import { truncate } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArtifactNotFoundError, CorruptArtifactError } from '../../../workers/artifacts/errors.ts'
import { openDataset } from '../../../workers/data/dataset-reader.ts'
import { DATASET_FILES } from '../../../workers/data/export-dataset.ts'
import { sequenceOf } from '../../../workers/data/sequences.ts'
import { openHistorySnapshot } from '../../../workers/serving/history-snapshot.ts'
import { loadModel } from '../../../workers/serving/load-model.ts'
import { type TinyModel, trainTinyModel } from './tiny-model.ts'

let tiny: TinyModel
const options = () => ({ store: tiny.store, threads: 1, beamSize: 10, maxBatchSize: 3 })

beforeAll(async () => {
  tiny = await trainTinyModel()
})
afterAll(() => tiny?.remove())

describe('a model for serving', () => {
  it('knows the items and users of its Dataset, and no others', async () => {
    const artifact = await tiny.store.open(tiny.datasetDigest)
    const dataset = await openDataset(artifact)
    const snapshot = await openHistorySnapshot(artifact)
    expect(snapshot.userCount).toBe(dataset.userCount)
    for (const [user, id] of dataset.userIds.entries())
      expect(snapshot.timesOf?.(id)).toEqual(dataset.times?.slice(dataset.offsets[user], dataset.offsets[user + 1]))
    expect(snapshot.timesOf?.('nobody')).toBeUndefined()
    const model = await loadModel(tiny.digest, options())
    try {
      for (const [user, id] of dataset.userIds.entries()) expect(model.historyOf(id)).toEqual(sequenceOf(dataset, user))
      expect(model.historyOf('nobody')).toBeUndefined()
      expect(dataset.itemIds.map((id) => model.findItem(id))).toEqual([...dataset.itemIds.keys()])
      expect(model.findItem('nothing')).toBeUndefined()
    } finally {
      await model.release()
    }
  })

  it('knows no times of a Dataset that has none', async () => {
    const artifact = await tiny.store.open(tiny.datasetDigest)
    const files = artifact.manifest.files.filter(({ path }) => path !== DATASET_FILES.times)
    const snapshot = await openHistorySnapshot({
      path: (file) => artifact.path(file),
      readFile: (file) => artifact.readFile(file),
      manifest: { ...artifact.manifest, files },
      digest: artifact.digest,
    })
    expect(snapshot.timesOf).toBeUndefined()
    expect(snapshot.events.length).toBeGreaterThan(0)
  })

  it('decodes a request to the same list alone and among others', async () => {
    const model = await loadModel(tiny.digest, options())
    try {
      const requests = [[], [1], [2, 3, 4]].map((items) => ({ history: Uint32Array.from(items), count: 10 }))
      const together = await model.decode(requests)
      for (const [index, request] of requests.entries()) {
        const [alone] = await model.decode([request])
        expect(alone.items).toEqual(together[index].items)
      }
    } finally {
      await model.release()
    }
  })

  it('is refused when the store lacks it or holds other bytes', async () => {
    await expect(loadModel(`sha256:${'0'.repeat(64)}`, options())).rejects.toThrow(ArtifactNotFoundError)
    const damaged = await trainTinyModel()
    try {
      const dataset = await damaged.store.open(damaged.datasetDigest)
      await truncate(dataset.path('events.u32'), 8)
      const loading = loadModel(damaged.digest, { ...options(), store: damaged.store })
      await expect(loading).rejects.toThrow(CorruptArtifactError)
    } finally {
      await damaged.remove()
    }
  })
})
