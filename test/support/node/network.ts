import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Addresses that exist in the node's own network namespace only. */
export const nodeAddress = '10.99.0.1'
export const podRange = '10.244.0.0/24'
const serviceRange = '10.96.0.0/24'

/** Gives the namespace its loopback interface and the node its address. */
export async function prepareNetwork(): Promise<void> {
  await ip('link', 'set', 'lo', 'up')
  await ip('address', 'add', `${nodeAddress}/32`, 'dev', 'lo')
  // There is no default route, and a process of the node must reach Services as Pods do.
  await ip('route', 'add', serviceRange, 'dev', 'lo', 'src', nodeAddress)
}

async function ip(...args: string[]): Promise<void> {
  await promisify(execFile)('ip', args)
}
