import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Probe } from '../../../operator/node/pod.ts'
import { countOutcome, noOutcome, type ProbeTarget, runProbe } from '../../../operator/node/probe.ts'

let server: Server
let target: ProbeTarget
const never = new AbortController().signal
const environment = { PATH: process.env.PATH ?? '' }

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/hang') return
    response.statusCode = Number(request.url?.slice(1))
    if (response.statusCode === 302) response.setHeader('location', '/500')
    response.end(request.headers['x-who'])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const containerPort = (server.address() as AddressInfo).port
  target = {
    podIP: '127.0.0.1',
    container: { name: 'c', ports: [{ name: 'http', containerPort }] },
    process: { argv: ['x'], workingDirectory: '/', environment },
  }
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe('a probe', () => {
  it.each<[string, Probe, boolean, RegExp]>([
    ['200', { httpGet: { path: '/200', port: 'http' } }, true, /^$/],
    ['a redirect', { httpGet: { path: '/302', port: 'http' } }, true, /^$/],
    ['404', { httpGet: { path: '/404', port: 'http' } }, false, /HTTP status 404/],
    [
      'a server that hangs',
      { httpGet: { path: '/hang', port: 'http' }, timeoutSeconds: 0.1 },
      false,
      /no answer within/,
    ],
    ['an unknown port', { httpGet: { port: 'grpc' } }, false, /no port named grpc/],
    ['an open port', { tcpSocket: { port: 'http' } }, true, /^$/],
    ['a closed port', { tcpSocket: { port: 1 } }, false, /ECONNREFUSED/],
    ['a command that succeeds', { exec: { command: ['sh', '-c', 'test "$PWD" = /'] } }, true, /^$/],
    ['a command that fails', { exec: { command: ['sh', '-c', 'exit 7'] } }, false, /exit code 7/],
    ['a command that hangs', { exec: { command: ['sleep', '60'] }, timeoutSeconds: 0.1 }, false, /no answer within/],
    ['a command that is absent', { exec: { command: ['/none'] } }, false, /ENOENT/],
    ['an unknown kind', { grpc: {} }, false, /httpGet, tcpSocket and exec/],
  ])('on %s', async (_, probe, success, message) => {
    const outcome = await runProbe(probe, target, never)
    expect(outcome.message).toMatch(message)
    expect(outcome.success).toBe(success)
  })
})

describe('countOutcome', () => {
  it('turns the verdict only after enough equal outcomes in a row', () => {
    const probe = { successThreshold: 2, failureThreshold: 3 }
    const verdicts: string[] = []
    let record = noOutcome
    for (const succeeded of [true, false, true, true, false, false, true, false, false, false, true, true]) {
      record = countOutcome(record, succeeded, probe)
      verdicts.push(record.verdict)
    }
    const [u, s, f] = ['unknown', 'success', 'failure']
    expect(verdicts).toEqual([u, u, u, s, s, s, s, s, s, f, f, s])
  })
})
