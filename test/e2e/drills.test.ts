import { expect, it } from 'vitest'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { Lease } from '../../operator/cluster/lease.ts'
import { LEASE, POD } from '../../operator/cluster/resources.ts'
import { fieldManager } from '../../operator/reconcilers/names.ts'
import { type NodeAccess, sharedNode } from '../support/node/access.ts'
import { until } from '../support/until.ts'
import { installAdloom, systemNamespace } from './adloom.ts'
import { applyQuickstart, readTrainingRun, untilQuickstartReady } from './quickstart.ts'

const namespace = 'drills'
/** As examples/quickstart says. */
const checkpointSteps = 50
/** Where quickstart.test.ts runs the same manifests; whoever comes second finds them Ready. */
const undisturbed = 'quickstart'

it('a training goes on when its worker, Redis and the operator are deleted one after the other', async (context) => {
  const node = sharedNode(context)
  await installAdloom(node)
  await applyQuickstart(node, namespace)

  const first = await untilStep(node, checkpointSteps + 1)
  await deletePod(node, namespace, workerPod(first))
  const resumed = await untilStep(node, 1, ({ status }) => status?.startToken !== first.status?.startToken)
  expect(step(resumed)).toBeGreaterThanOrEqual(checkpointSteps)
  const second = await untilStep(node, step(first) + 1)

  await deletePod(node, systemNamespace, 'adloom-redis-0')
  const third = await untilStep(node, step(second) + 1)

  const leader = await leadingOperator(node)
  await deletePod(node, systemNamespace, leader)
  expect(await until(async () => (await leadingOperator(node)) !== leader)).toBe(true)
  await untilStep(node, step(third) + 1)

  await untilQuickstartReady(node, namespace)
  const ended = await readTrainingRun(node, namespace)
  // None of the three is a fault of the work, nor leaves a trace in the result.
  expect(ended.status?.failures ?? 0).toBe(0)
  await applyQuickstart(node, undisturbed)
  await untilQuickstartReady(node, undisturbed)
  const other = await readTrainingRun(node, undisturbed)
  expect(ended.status?.inputDigest).toBe(other.status?.inputDigest)
  expect(ended.status?.artifact?.digest).toBe(other.status?.artifact?.digest)
})

const step = ({ status }: TrainingRun): number => status?.progress?.step ?? 0

function workerPod({ status }: TrainingRun): string {
  const pod = status?.worker?.pod
  if (pod === undefined) throw new Error(`no worker in ${JSON.stringify(status)}`)
  return pod
}

/** The run in its middle: it must not have ended, else the deletions prove nothing. */
function untilStep(
  node: NodeAccess,
  atLeast: number,
  also: (run: TrainingRun) => boolean = () => true,
): Promise<TrainingRun> {
  return until(async () => {
    const run = await readTrainingRun(node, namespace)
    expect(run.status?.completionTime, JSON.stringify(run.status)).toBeUndefined()
    return step(run) >= atLeast && also(run) && run
  })
}

async function deletePod(node: NodeAccess, podNamespace: string, name: string): Promise<void> {
  const { metadata } = await node.client.get(POD, { namespace: podNamespace, name })
  // At once, as a node that fails does; the kubelet sends SIGKILL.
  await node.kubectl('--namespace', podNamespace, 'delete', 'pod', name, '--grace-period=0', '--force')
  await until(async () => {
    const { items } = await node.client.list(POD, { namespace: podNamespace })
    return !items.some(({ metadata: { uid } }) => uid === metadata.uid)
  })
}

/** The name of the Pod that holds the Lease. */
async function leadingOperator({ client }: NodeAccess): Promise<string> {
  const lease = await client.get<Lease>(LEASE, { namespace: systemNamespace, name: fieldManager })
  return lease.spec?.holderIdentity?.split('_')[0] ?? ''
}
