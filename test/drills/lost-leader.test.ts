import { expect, test } from 'vitest'
import { LEASE } from '../../operator/cluster/resources.ts'
import { applyInputs, applyTraining, awaitStep, awaitSucceeded, eventually } from '../support/local-cluster.ts'
import { end, type OperatorlessCluster, withOperatorProcesses } from '../support/operator-process.ts'

interface Lease {
  apiVersion: string
  kind: string
  metadata: { name: string }
  spec: { holderIdentity?: string; leaseTransitions?: number }
}

async function readLease({ client }: OperatorlessCluster): Promise<Lease['spec'] | undefined> {
  const { items } = await client.list<Lease>(LEASE, { namespace: 'default' })
  return items.find(({ metadata }) => metadata.name === 'adloom-operator')?.spec
}

test('a second operator stands by, takes over when the leader is killed, and the run is not done twice', async (context) => {
  await withOperatorProcesses(context, async (cluster) => {
    const first = cluster.startOperator({ leaderElect: true })
    await eventually('the first operator leads', async () => Boolean((await readLease(cluster))?.holderIdentity), 30)
    const before = await readLease(cluster)
    cluster.startOperator({ leaderElect: true })
    await applyInputs(cluster, 'leaderless')
    await applyTraining(cluster, 'leaderless')
    const { startToken } = await awaitStep(cluster, 'leaderless', 20)
    expect(await readLease(cluster)).toEqual(expect.objectContaining({ holderIdentity: before?.holderIdentity }))
    await end(first)

    const run = await awaitSucceeded(cluster, 'leaderless')
    const after = await readLease(cluster)
    expect(after?.holderIdentity).not.toBe(before?.holderIdentity)
    expect(after?.leaseTransitions).toBe((before?.leaseTransitions ?? 0) + 1)
    expect(run.startToken).toBe(startToken)
    expect(run.attempt).toBe(1)
    expect(run.failures ?? 0).toBe(0)
  })
}, 300_000)
