import { deriveConditions, type Readiness } from '../../../operator/control/conditions.ts'
import { lintConditions } from '../../support/condition-linter.ts'
import { kstatus } from '../../support/kstatus.ts'

const kstatusOf: Record<Readiness['state'], string> = {
  ready: 'Current',
  stalled: 'Failed',
  held: 'InProgress',
  reconciling: 'InProgress',
}

/** What is wrong with the conditions that follow from a readiness; empty: nothing. */
export function wrongConditions(readiness: Readiness, nowMs: number): string[] {
  const status = deriveConditions(undefined, 7, readiness, nowMs)
  const object = { apiVersion: 'adloom.dev/v1alpha1', kind: 'Any', metadata: { name: 'any', generation: 7 }, status }
  const read = kstatus(object).status
  const expected = kstatusOf[readiness.state]
  return [
    ...lintConditions(object, ['Suspended', 'Paused']),
    ...(read === expected ? [] : [`kstatus reads ${readiness.state} as ${read}`]),
  ]
}
