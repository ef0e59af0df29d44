import { expect, it } from 'vitest'
import { sharedNode } from '../support/node/access.ts'
import { rank } from '../support/rank.ts'
import { installAdloom, rankUrl, systemNamespace } from './adloom.ts'
import { applyQuickstart, readTrainingRun, untilQuickstartReady } from './quickstart.ts'

const namespace = 'quickstart'

it('helm install, kubectl apply, and a request is answered by the model that was trained', async (context) => {
  const node = sharedNode(context)
  await installAdloom(node)
  await applyQuickstart(node, namespace)
  await untilQuickstartReady(node, namespace)

  const run = await readTrainingRun(node, namespace)
  const answer = await rank(await rankUrl(node, namespace, 'quickstart'), { slots: 5 })
  expect(answer.model.digest).toBe(run.status?.artifact?.digest)
  expect(answer.entries.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5])
  expect(new Set(answer.entries.map(({ item }) => item)).size).toBe(5)

  // What was applied is what is there: nothing that a user owns was written by the operator.
  const folder = 'examples/quickstart'
  expect(await node.kubectl('--namespace', namespace, 'diff', '-f', folder)).toBe('')
  expect(await node.kubectl('get', 'adloom', '--all-namespaces')).toMatch(/quickstart/)
  await node.helm(['test', 'adloom', '--namespace', systemNamespace, '--timeout', '2m'])
})
