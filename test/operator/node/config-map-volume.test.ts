import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { CONFIG_MAP, POD } from '../../../operator/cluster/resources.ts'
import type { Pod } from '../../../operator/node/pod.ts'
import { eventually, isReady, makePod, podWhere, script, startNode, temporaryDirectory } from './support.ts'
import { testApi } from './test-api.ts'

const key = { namespace: 'default', name: 'settings' }
const map = (data: Record<string, string>): KubernetesObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data }) as KubernetesObject

/** Writes down where the volume lies, and waits. */
const source = `
  require('node:fs').writeFileSync(process.env.TELL, process.env.FILE)
  setInterval(() => {}, 1000)`

async function runningPod(optional: boolean) {
  const api = testApi()
  if (!optional) await api.create(CONFIG_MAP, map({ 'a.json': '1' }))
  await startNode(api)
  const tell = `${await temporaryDirectory()}/path`
  const env = [
    { name: 'FILE', value: '/config/a.json' },
    { name: 'TELL', value: tell },
  ]
  const volumeMounts = [{ name: 'config', mountPath: '/config' }]
  const volumes = [{ name: 'config', configMap: { name: 'settings', optional } }]
  await api.create(POD, makePod('reader', [script(source, { env, volumeMounts })], { volumes }))
  const file = await eventually(() => readFile(tell, 'utf8').catch(() => undefined))
  const content = () => readFile(file, 'utf8').catch(() => undefined)
  const restarts = async () => {
    const pod = await podWhere(api, 'reader', isReady)
    return pod.status?.containerStatuses?.[0]?.restartCount
  }
  return { api, content, restarts }
}

it('a volume follows its ConfigMap while the process runs, be it made later', async () => {
  const { api, content, restarts } = await runningPod(true)
  expect(await content()).toBeUndefined()
  await api.create(CONFIG_MAP, map({ 'a.json': '1' }))
  await eventually(async () => (await content()) === '1')
  await api.mergePatch(CONFIG_MAP, key, { data: { 'a.json': '2' } })
  await eventually(async () => (await content()) === '2')
  await api.delete(CONFIG_MAP, key)
  await eventually(async () => (await content()) === undefined)
  expect(await restarts()).toBe(0)
})

it('a ConfigMap that is needed and goes leaves what there was', async () => {
  const { api, content } = await runningPod(false)
  expect(await content()).toBe('1')
  await api.delete(CONFIG_MAP, key)
  await api.create(POD, makePod('other', [script('setInterval(() => {}, 1000)')]))
  await podWhere(api, 'other', (pod: Pod) => isReady(pod))
  expect(await content()).toBe('1')
  await api.create(CONFIG_MAP, map({ 'a.json': '3' }))
  await eventually(async () => (await content()) === '3')
})
