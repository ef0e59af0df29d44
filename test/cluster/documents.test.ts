import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { apiVersion } from '../../crds/kind.ts'
import { readManifests } from '../../operator/cli/manifests.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import type { Client } from '../../operator/cluster/client.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { NAMESPACE } from '../../operator/cluster/resources.ts'
import { connect, createNamespace, installKinds, sharedControlPlane } from '../support/cluster.ts'
import { fencedBlocks } from '../support/documents.ts'
import { type Kubectl, kubectl, yamlOf } from '../support/kubectl.ts'

let client: Client
let run: Kubectl
let namespace: string

beforeEach(async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  const connection = connect(kubeconfig)
  client = connection.client
  await installKinds(client)
  namespace = await createNamespace(client, 'documents')
  run = kubectl(kubeconfig, join(projectRoot, 'node_modules/.cache/adloom/documents'))
  return connection.close
})

/** Whole objects of our kinds; what shows a few fields alone has no metadata. */
async function shownObjects(): Promise<KubernetesObject[]> {
  const folder = join(projectRoot, 'docs')
  const pages = (await readdir(folder)).filter((file) => file.endsWith('.md'))
  const blocks = await Promise.all(
    pages.map(async (page) => fencedBlocks(await readFile(join(folder, page), 'utf8'), 'yaml')),
  )
  return blocks
    .flat()
    .flatMap((block) => parseAllDocuments(block).map((document) => document.toJS() as KubernetesObject))
    .filter((object) => object.apiVersion === apiVersion && object.metadata?.name !== undefined)
}

const examples = async (): Promise<KubernetesObject[]> => {
  const folder = join(projectRoot, 'examples')
  const environment = { ADLOOM_DATA: '/data', ADLOOM_FEEDBACK: '/feedback' }
  const names = await readdir(folder)
  return names.flatMap((name) => readManifests([join(folder, name)], environment).map(({ object }) => object))
}

test('a real API server takes every example and every manifest that a page shows, with no field it does not know', async () => {
  const objects = [...(await examples()), ...(await shownObjects())]
  expect(objects.length).toBeGreaterThan(15)
  for (const object of objects) {
    const here = { ...object, metadata: { ...object.metadata, namespace } }
    const { code, stderr } = await run.withInput(yamlOf([here]), 'create', '--dry-run=server', '-f', '-')
    expect(code, `${object.kind} ${object.metadata.name}: ${stderr}`).toBe(0)
  }
})

test('what Argo CD needs to be told goes over the ConfigMap that it has', async () => {
  await client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } })
  const present = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', namespace: 'argocd' } }
  const made = await run.withInput(
    yamlOf([{ ...present, data: { url: 'https://argocd.example.com' } }]),
    'apply',
    '-f',
    '-',
  )
  expect(made.code, made.stderr).toBe(0)
  const patch = join(projectRoot, 'docs/argocd/argocd-cm.yaml')
  const patched = await run('--namespace', 'argocd', 'patch', 'configmap', 'argocd-cm', '--patch-file', patch)
  expect(patched.code, patched.stderr).toBe(0)
  const { stdout } = await run('--namespace', 'argocd', 'get', 'configmap', 'argocd-cm', '-o', 'json')
  const { data } = JSON.parse(stdout) as { data: Record<string, string> }
  expect(data.url).toBe('https://argocd.example.com')
  expect(Object.keys(data)).toContain('resource.customizations.health.adloom.dev_RankerPipeline')
})
