/* A node in a process of its own, to be killed: runs one Pod and says the ids of its processes. */
import { systemClock } from '../../../operator/cluster/clock.ts'
import { POD } from '../../../operator/cluster/resources.ts'
import { LocalNode } from '../../../operator/node/node.ts'
import { testApi } from './test-api.ts'

const api = testApi()
const silent = { debug() {}, info() {}, warn() {}, error() {} }
const node = new LocalNode({
  client: api,
  clock: systemClock,
  random: Math.random,
  log: silent,
  name: 'local',
  directory: process.argv[2] ?? '',
  commandAliases: { node: [process.execPath] },
})
await node.start()
const source = `
process.on('SIGTERM', () => {})
const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
console.log(process.pid + ' ' + child.pid)
setInterval(() => {}, 1000)`
await api.create(POD, {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'work', namespace: 'default' },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', command: ['node', '-e', source] }] },
} as never)
let text = ''
while (!text.includes('\n')) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  try {
    for await (const chunk of node.readLog({ namespace: 'default', pod: 'work' })) text = Buffer.from(chunk).toString()
  } catch {
    // The container has not begun.
  }
}
process.stdout.write(text)
