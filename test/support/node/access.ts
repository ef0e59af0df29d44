import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject, onTestFinished, type TestContext } from 'vitest'
import type { Client } from '../../../operator/cluster/client.ts'
import { connect } from '../cluster.ts'
import { helmPath, kubectlPath, yamlOf } from '../kubectl.ts'
import type { TestNode } from './node.ts'

/** The node in the hands of one test. */
export interface NodeAccess extends TestNode {
  /** As the administrator. */
  client: Client
  /** Its trimmed output. Throws with its complaint when it fails. */
  kubectl(...args: string[]): Promise<string>
  helm(args: string[], input?: string): Promise<string>
  apply(...objects: object[]): Promise<string>
  /** What `apply` would change. Throws with it when it is anything. */
  diff(...objects: object[]): Promise<string>
}

const commandTimeoutMs = 1_200_000

/** The node that all tests of the project `e2e` share. Skips the calling test, with the reason, where there is none. */
export function sharedNode(context: Pick<TestContext, 'skip'>): NodeAccess {
  const node = inject('node')
  if ('reason' in node) return context.skip(node.reason)
  const { client, close } = connect(node.kubeconfig)
  onTestFinished(close)
  const kubectl = (args: string[], input = '') => runTool(node, kubectlPath(), args, input)
  return {
    ...node,
    client,
    kubectl: (...args) => kubectl(args),
    helm: (args, input) => runTool(node, helmPath(), args, input),
    apply: (...objects) => kubectl(['apply', '-f', '-'], yamlOf(objects)),
    diff: (...objects) => kubectl(['diff', '-f', '-'], yamlOf(objects)),
  }
}

/** Runs kubectl or helm, with a home of its own. */
export function runTool(node: TestNode, program: string, args: string[], input = ''): Promise<string> {
  const home = join(node.directory, 'home')
  mkdirSync(home, { recursive: true })
  const env = { PATH: process.env.PATH ?? '', HOME: home, KUBECONFIG: node.kubeconfig }
  return new Promise((resolve, reject) => {
    const options = { env, timeout: commandTimeoutMs, maxBuffer: 2 ** 26 }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed: ${stderr || stdout || error.message}`))
      else resolve(stdout.trim())
    })
    child.stdin?.end(input)
  })
}
