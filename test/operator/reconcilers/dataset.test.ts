import { expect, test } from 'vitest'
import type { DatasetSummary } from '../../../crds/jobs.ts'
import type { Dataset } from '../../../crds/kinds/dataset.ts'
import { datasetRun } from '../../../operator/reconcilers/dataset.ts'
import { digestOf, lookupIn, objectOf } from './support.ts'

const summary: DatasetSummary = {
  sourceDigest: digestOf('5'),
  users: 2,
  items: 3,
  interactions: 4,
  badRows: 0,
  badRowExamples: [],
  popularityShares: [1],
}
const describe = (digest: string, status: object, now: number, told: DatasetSummary = summary) =>
  datasetRun.describe({ digest, sizeBytes: 1, summary: told }, { observedGeneration: 1, ...status }, now) as Record<
    string,
    unknown
  >

test('a poll that finds the same keeps the revision and its time; a change gives a new one', () => {
  const first = describe(digestOf('a'), {}, 1000)
  const again = describe(digestOf('a'), first, 2000)
  expect(again).toMatchObject({ revision: digestOf('a'), revisionTime: first.revisionTime })
  expect(again.lastPollTime).not.toBe(first.lastPollTime)
  const changed = describe(digestOf('b'), again, 3000)
  expect(changed.revision).toBe(digestOf('b'))
  expect(changed.revisionTime).toBe(changed.lastPollTime)
})

test('status holds no measure of drift', () => {
  expect(describe(digestOf('a'), {}, 0)).not.toHaveProperty('popularityShares')
})

test('status tells what there is of a marketplace, and no longer does when a revision has none', () => {
  const advertising: NonNullable<DatasetSummary['advertising']> = {
    origin: 'Tables',
    advertisers: 1,
    ads: 2,
    creatives: 0,
    requests: 3,
    trainingRequests: 1,
    validationRequests: 1,
    testRequests: 1,
    unknownUsers: 0,
    exposures: 4,
    clicks: 1,
    creativeClicks: 0,
    conversions: 0,
    has: ['Bids', 'Requests', 'Exposures'],
  }
  const first = describe(digestOf('a'), {}, 0, { ...summary, advertising })
  expect(first).toMatchObject({ advertising })
  expect({ ...first, ...describe(digestOf('b'), first, 1) }).toMatchObject({ advertising: undefined })
})

test('what a propensity means is refused without its column', () => {
  const resolve = (columns: object) => {
    const exposures = { paths: ['exposures.csv'], columns, propensities: 'GivenBefore' }
    return datasetRun.resolve(objectOf<Dataset>('Dataset', 'log', { advertising: { exposures } }), lookupIn([]))
  }
  expect(resolve({ propensity: 'p' })).toEqual({ state: 'Ready', digests: {} })
  expect(resolve({})).toMatchObject({ state: 'Invalid', message: expect.stringContaining('columns.propensity') })
})

test('propensities given the entries above are refused where those are not logged', () => {
  const resolve = (fields: object) => {
    const exposures = { paths: ['exposures.csv'], columns: { propensity: 'p' }, lists: 'Entries', ...fields }
    return datasetRun.resolve(objectOf<Dataset>('Dataset', 'log', { advertising: { exposures } }), lookupIn([]))
  }
  expect(resolve({})).toEqual({ state: 'Ready', digests: {} })
  expect(resolve({ propensities: 'Marginal' })).toEqual({ state: 'Ready', digests: {} })
  expect(resolve({ propensities: 'GivenBefore', lists: 'Whole' })).toEqual({ state: 'Ready', digests: {} })
  expect(resolve({ propensities: 'GivenBefore' })).toEqual({
    state: 'Invalid',
    message: expect.stringMatching(/propensities GivenBefore.*set propensities to Marginal/),
  })
})
