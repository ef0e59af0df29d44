import { expect, test } from 'vitest'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import { executionProviderCondition } from '../../../../operator/reconcilers/ranker-deployment/execution-provider.ts'

const ranker = (executionProvider: string) =>
  ({ metadata: { name: 'feed' }, spec: { serving: { executionProvider } } }) as unknown as RankerDeployment
const cuda = { provider: 'CUDA', wanted: 'CUDA' }
const replaced = { provider: 'CPU', wanted: 'CUDA' }
/** Of the spec before, or of one that wants no other. */
const cpu = { provider: 'CPU', wanted: 'CPU' }

test.each([
  ['nothing is told before a Pod tells', 'CUDA', [], undefined],
  ['nor of Pods that were made for another provider', 'CUDA', [cpu], undefined],
  ['nor where the CPU is wanted', 'CPU', [cpu, replaced], undefined],
  ['all Pods decode on it', 'CUDA', [cuda, cpu], 'True CUDA: all Pods that were asked decode on CUDA'],
  ['the CPU stands in', 'CUDA', [cuda, replaced, cpu], 'False UsesCPU: 1 of 2 Pods decode on the CPU'],
])('%s', (_, wanted, seen, expected) => {
  const { status, reason, message } = executionProviderCondition(ranker(wanted), seen) ?? {}
  if (expected === undefined) expect(status).toBeUndefined()
  else expect(`${status} ${reason}: ${message}`).toContain(expected)
})
