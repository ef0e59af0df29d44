import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Dataset } from '../../../crds/kinds/dataset.ts'
import { processDataset } from '../../../workers/processors/dataset.ts'
import { sourceWith } from '../data/support.ts'
import { payloadOf, testContext } from './support.ts'

const log = 'ada a b c d e\nbob a c e g\n'

test('a poll of an unchanged source finds the same revision; changed contents give a new one', async () => {
  const folder = await sourceWith({ 'log.txt': log })
  const file = join(folder, 'log.txt')
  const spec = {
    source: { file: { path: folder } },
    interactions: { path: 'log.txt', format: 'SequenceLines' },
    split: { strategy: 'LeaveOneOut' },
    minInteractionsPerUser: 1,
    maxBadRows: 0,
    seed: 0,
  } as unknown as Dataset['spec']
  const context = await testContext()
  const poll = () => processDataset(payloadOf('Dataset', spec, {}), context)
  const first = await poll()
  expect(first.reused).toBeUndefined()

  await utimes(file, new Date(), new Date())
  const again = await poll()
  expect(again).toEqual({ ...first, reused: true })

  await writeFile(file, `${log}cleo b d f\n`)
  const changed = await poll()
  expect(changed.artifact.digest).not.toBe(first.artifact.digest)
  expect(changed.summary.sourceDigest).not.toBe(first.summary.sourceDigest)
  expect(changed.summary).toMatchObject({ users: 3, interactions: 12 })
  expect(changed.reused).toBeUndefined()

  await writeFile(file, log)
  expect(await poll()).toEqual(again)
})
