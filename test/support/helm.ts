import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { helmPath } from './kubectl.ts'

const root = join(import.meta.dirname, '../..')
export const chartFolder = join(root, 'charts/adloom')
/** Namespace of releases in tests. */
export const releaseNamespace = 'adloom-system'
export const release = 'adloom'

export type Values = Record<string, unknown>

export interface HelmResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs Helm, with a home of its own that has no repositories; a refusal is a result, too. */
export function helm(
  args: readonly string[],
  given: { kubeconfig?: string; input?: string } = {},
): Promise<HelmResult> {
  const home = join(root, 'node_modules/.cache/adloom/helm')
  mkdirSync(home, { recursive: true })
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    ...(given.kubeconfig === undefined ? {} : { KUBECONFIG: given.kubeconfig }),
  }
  return new Promise((resolve) => {
    const child = execFile(helmPath(), args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0
      resolve({ code, stdout, stderr })
    })
    child.stdin?.end(given.input ?? '')
  })
}

/** What `helm template` prints for values, beside those of the chart. */
export function template(values: Values, given: { namespace?: string; chart?: string } = {}): Promise<HelmResult> {
  const { namespace = releaseNamespace, chart = chartFolder } = given
  return helm(['template', release, chart, '--namespace', namespace, '--values', '-'], {
    input: JSON.stringify(values),
  })
}

/** Objects of the chart, hooks among them. @throws with Helm's words when it refuses the values. */
export async function render(values: Values, given: { namespace?: string; chart?: string } = {}): Promise<Rendered[]> {
  const { code, stdout, stderr } = await template(values, given)
  if (code !== 0) throw new Error(stderr)
  return stdout.split(/^---$/m).flatMap((text) => {
    const object = parse(text)
    return object === null ? [] : [object]
  })
}

/** By their text: definitions are nearly all of what is rendered, and the same whatever the values. */
const parsed = new Map<string, Rendered | null>()

function parse(text: string): Rendered | null {
  const known = parsed.get(text)
  if (known !== undefined) return structuredClone(known)
  const document = parseDocument(text)
  if (document.errors[0]) throw document.errors[0]
  const object = document.toJS() as Rendered | null
  parsed.set(text, object)
  return structuredClone(object)
}

/** A rendered object; `any` field of it may be looked at. */
export interface Rendered extends KubernetesObject {
  spec?: Record<string, unknown>
  data?: Record<string, string>
  stringData?: Record<string, string>
  rules?: { apiGroups: string[]; resources: string[]; resourceNames?: string[]; verbs: string[] }[]
}
