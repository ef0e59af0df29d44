import { setImmediate } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import type { Unavailable } from '../control-plane/unavailable.ts'
import { startNode, type TestNode } from './node.ts'
import { readPrepared } from './prepared.ts'

declare module 'vitest' {
  interface ProvidedContext {
    node: TestNode | Unavailable
  }
}

/** Global set-up of the project `e2e`: starts the node in the namespaces that run.ts made. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const prepared = readPrepared(process.env)
  if ('reason' in prepared) {
    project.provide('node', prepared)
    return undefined
  }
  // Whoever made the namespaces holds the other end. This is their first process, with which they end.
  process.stdin.once('end', () => process.exit(1)).resume()
  process.stdin.unref()
  project.provide('node', await startNode(prepared, (line) => process.stderr.write(`node: ${line}\n`)))
  return async () => {
    // The line that counts is written in the next round of the event loop.
    await setImmediate()
    // With the exit code that the tests have set. The kernel ends the node at once; its own way takes ten seconds.
    process.exit()
  }
}
