import { expect, it } from 'vitest'
import { POD } from '../../operator/cluster/resources.ts'
import { temporaryDirectory } from '../operator/node/support.ts'
import { earlierChart } from '../support/earlier-chart.ts'
import { sharedNode } from '../support/node/access.ts'
import { until } from '../support/until.ts'
import { installAdloom, systemNamespace } from './adloom.ts'
import { applySmallQuickstart, readTrainingRun } from './quickstart.ts'

const namespace = 'upgrade'
/** Not through before the upgrade is, on any machine. */
const training = { maxEpochs: 10_000, earlyStopping: { patienceEpochs: 0, validationUsers: 50 } }

it('a run goes on while its release is upgraded from the chart of an earlier commit', async (context) => {
  const node = sharedNode(context)
  const earlier = earlierChart(await temporaryDirectory())
  if ('reason' in earlier) await context.annotate(earlier.reason)
  const podAnnotations = { release: 'earlier' }
  await installAdloom(node, 'reason' in earlier ? { podAnnotations } : { ...earlier, podAnnotations })
  await applySmallQuickstart(node, namespace, training)
  const stepsBeyond = (step: number) =>
    until(async () => {
      const { status } = await readTrainingRun(node, namespace)
      return (status?.progress?.step ?? 0) > step && status
    })
  const operators = async () => {
    const { items } = await node.client.list(POD, { namespace: systemNamespace })
    return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('adloom-operator'))
  }
  const before = await stepsBeyond(0)
  const replaced = await operators()
  expect(replaced.length).toBeGreaterThan(0)

  await installAdloom(node)
  await until(async () => !(await operators()).some((name) => replaced.includes(name)))
  const seen = await readTrainingRun(node, namespace)
  const after = await stepsBeyond(seen.status?.progress?.step ?? 0)
  expect(after.startToken).toBe(before.startToken)
  expect(after.worker).toEqual(before.worker)
  expect(after.attempt).toBe(1)
  expect(after.failures ?? 0).toBe(0)
  await node.kubectl('--namespace', namespace, 'delete', 'trainingrun.adloom.dev/quickstart', '--timeout=60s')
})
