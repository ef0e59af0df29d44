import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { ArtifactCollector, referredDigests } from '../../../operator/reconcilers/artifact-collector.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { digestOf, objectOf } from './support.ts'

test('an artifact stays while any field that takes a digest names it', () => {
  const fields = ['model', 'champion', 'warmStart', 'reuse']
  const letters = 'abcd'
  const spec = Object.fromEntries(fields.map((field, index) => [field, { digest: digestOf(letters.charAt(index)) }]))
  const inputs = { dataset: digestOf('e'), parent: digestOf('f') }
  const referrer = objectOf<Parameters<typeof referredDigests>[0]>('Any', 'any', spec, {
    digest: digestOf('1'),
    inputs,
  })
  expect(new Set(referredDigests(referrer))).toEqual(new Set(['a', 'b', 'c', 'd', 'e', 'f', '1'].map(digestOf)))
})

test('models of past rollouts stay, with the Dataset revision and tokenizer that they need; what nobody names goes', async () => {
  const root = await mkdtemp(join(tmpdir(), 'adloom-collector-'))
  try {
    const store = openFileStore(root)
    const publish = async (name: string, metadata: Record<string, string> = {}) =>
      (
        await store.publish({ kind: 'Any', inputDigest: digestOf('9'), metadata: { name, ...metadata } }, (folder) =>
          writeFile(join(folder, 'file'), name),
        )
      ).digest
    const dataset = await publish('dataset')
    const tokenizer = await publish('tokenizer', { datasetDigest: dataset })
    const past = await publish('past', { tokenizerDigest: tokenizer })
    const stable = await publish('stable', { datasetDigest: dataset })
    const unnamed = await publish('unnamed', { datasetDigest: dataset })
    const ranker = objectOf<KubernetesObject & { status: object }>('RankerDeployment', 'ranker', {})
    ranker.status = { stableDigest: stable, revisions: [{ digest: stable }, { digest: past }] }
    const clock = new FakeClock('2126-01-01T00:00:00Z')
    const log = fakeLog()
    const collector = new ArtifactCollector({
      store,
      referrers: () => [ranker as never],
      clock,
      log,
      periodMs: 1000,
      retentionMs: 0,
    })
    await collector.collect()
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
    for (const digest of [dataset, tokenizer, past, stable]) expect(await store.stat(digest)).toBeDefined()
    expect(await store.stat(unnamed)).toBeUndefined()
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
