import type { DatasetSummary } from '../../crds/jobs.ts'
import { type Dataset, dataset } from '../../crds/kinds/dataset.ts'
import { timestamp } from '../cluster/clock.ts'
import type { RunKind } from './run/run-kind.ts'

/** Reads logs into a pinned revision. What files hold is known to the worker alone, so it tells whether they changed. */
export const datasetRun: RunKind<Dataset> = {
  definition: dataset,
  jobKind: 'Dataset',
  bounded: false,
  referenceFields: ['pollPeriodSeconds'],
  dependencies: () => [],
  resolve({ spec }) {
    const fault = faultOf(spec)
    return fault === undefined ? { state: 'Ready', digests: {} } : { state: 'Invalid', message: fault }
  },
  inputsAreKnown: ({ spec }) => spec.source.simulation !== undefined,
  pollPeriodSeconds: ({ spec }) => spec.pollPeriodSeconds,
  describe(artifact, status, now) {
    const summary = artifact.summary as DatasetSummary
    const { sourceDigest, users, items, interactions, badRows, badRowExamples, advertising } = summary
    const before = status as Dataset['status']
    const isNew = before?.revision !== artifact.digest
    return {
      revision: artifact.digest,
      revisionTime: isNew ? timestamp(now) : before?.revisionTime,
      lastPollTime: timestamp(now),
      sourceDigest,
      users,
      items,
      interactions,
      badRows,
      badRowExamples,
      advertising,
    }
  },
}

/** What a real API server refuses by a rule; the embedded one leaves it to us. */
function faultOf({ advertising }: Dataset['spec']): string | undefined {
  const { propensities, lists, columns } = advertising?.exposures ?? {}
  if (propensities !== undefined && columns?.propensity === undefined)
    return 'advertising.exposures.propensities says what columns.propensity means, which is not given; give that column too, or leave propensities out'
  if (lists === 'Entries' && propensities === 'GivenBefore')
    return 'advertising.exposures.propensities GivenBefore multiply down a list, and lists Entries says that its other entries are not logged; set propensities to Marginal if they are, or log whole lists'
  return undefined
}
