import { expect, test } from 'vitest'
import { withLastApplied } from '../../../operator/cli/last-applied.ts'

const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
const manifest = (annotations?: Record<string, string>) => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'WorkerPool',
  metadata: { name: 'default', namespace: 'here', ...(annotations && { annotations }) },
  spec: { maxReplicas: 2 },
})

test('says what was applied in the words of kubectl, which then takes away what a later file leaves out', () => {
  const { metadata, ...rest } = withLastApplied(manifest())
  expect(rest).toEqual({ apiVersion: 'adloom.dev/v1alpha1', kind: 'WorkerPool', spec: { maxReplicas: 2 } })
  expect(Object.keys(metadata.annotations ?? {})).toEqual([annotation])
  expect(JSON.parse(metadata.annotations?.[annotation] ?? '')).toEqual(manifest({}))
})

test('keeps other annotations, and says of itself nothing', () => {
  const note = { note: 'mine' }
  const { annotations = {} } = withLastApplied(withLastApplied(manifest(note))).metadata
  expect(annotations.note).toBe('mine')
  expect(JSON.parse(annotations[annotation] ?? '')).toEqual(manifest(note))
})
