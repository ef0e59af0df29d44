// Refusals of Datasets that lack what a stage needs.

import { rm } from 'node:fs/promises'
import { expect, onTestFinished } from 'vitest'
import type { DatasetSpec } from '../../../../workers/data/dataset-spec.ts'
import { TABLES } from '../../data/market/table-support.ts'
import { smallWorld, type World } from './small-world.ts'

/** What a run over a Dataset, without text, is refused with; or else what `attempt` answers. */
export async function refusalIn<Answer>(spec: DatasetSpec, attempt: (world: World) => Promise<Answer>) {
  const world = await smallWorld(spec, false)
  onTestFinished(() => rm(world.folder, { recursive: true, force: true }))
  return attempt(world).catch(({ reason, message, retryable }) => ({ reason, message, retryable }))
}

export const lacksTables = (message: RegExp) => ({
  reason: 'DatasetLacksTables',
  message: expect.stringMatching(message),
  retryable: false,
})

/** The spec with exposures that are entries of lists. */
export const ofEntries = (spec: DatasetSpec): DatasetSpec => {
  const { advertising } = spec
  if (advertising?.exposures === undefined) throw new Error('the Dataset has no exposures')
  return { ...spec, advertising: { ...advertising, exposures: { ...advertising.exposures, lists: 'Entries' } } }
}

export const needsWholeLists = (message: RegExp) => ({
  reason: 'NoWholeLists',
  message: expect.stringMatching(message),
  retryable: false,
})

/** A log of no request in its training part. */
export const tablesOfTestPart = {
  ...TABLES,
  requests: TABLES.requests.filter(({ id }) => id === 'r-test'),
  exposures: TABLES.exposures.filter(({ request }) => request === 'r-test'),
}
