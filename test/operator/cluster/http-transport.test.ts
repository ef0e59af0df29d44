import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { KubeConfig } from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { NetworkError, NotFoundError } from '../../../operator/cluster/errors.ts'
import {
  createHttpTransport,
  type HttpTransport,
  isLoopback,
  loadKubeConfig,
} from '../../../operator/cluster/http-transport.ts'
import { CONFIG_MAP } from '../../../operator/cluster/resources.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let folder = ''
const closers: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adloom-transport-'))
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  rmSync(folder, { recursive: true })
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

function kubeConfig(server: string, user: object = { token: 'secret' }, cluster: object = {}): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'c', server, ...cluster }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u', namespace: 'team' }],
    currentContext: 'x',
  })
  return config
}

function open(config: KubeConfig, requestTimeoutMs?: number): HttpTransport {
  const http = createHttpTransport(config, requestTimeoutMs === undefined ? {} : { requestTimeoutMs })
  closers.push(() => http.close())
  return http
}

function clientOf({ transport, server }: HttpTransport) {
  return createClient({ transport, server, fieldManager: 'test', userAgent: 'adloom/test' })
}

const OBJECT = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'team' } }
const KEY = { namespace: 'team', name: 'a' }

async function plain(handler: Handler, user?: object) {
  const port = await listen(createServer(handler))
  return kubeConfig(`http://127.0.0.1:${port}`, user)
}

describe('the HTTP transport', () => {
  it('sends method, path, body and credentials, over connections that it keeps', async () => {
    const seen: unknown[] = []
    const sockets = new Set<unknown>()
    const config = await plain((request, response) => {
      sockets.add(request.socket)
      let body = ''
      request.on('data', (part) => {
        body += part
      })
      request.on('end', () => {
        const { authorization, 'user-agent': agent, 'content-type': type } = request.headers
        seen.push({ line: `${request.method} ${request.url}`, authorization, agent, type, body })
        response.end(JSON.stringify(OBJECT))
      })
    })
    const http = open(config)
    const client = clientOf(http)
    expect(await client.get(CONFIG_MAP, KEY)).toEqual(OBJECT)
    await client.create(CONFIG_MAP, OBJECT)
    for (let turn = 0; turn < 8; turn++) await client.get(CONFIG_MAP, KEY)
    const common = { authorization: 'Bearer secret', agent: 'adloom/test' }
    const path = '/api/v1/namespaces/team/configmaps'
    expect(seen[0]).toEqual({ line: `GET ${path}/a`, ...common, type: undefined, body: '' })
    expect(seen[1]).toEqual({
      line: `POST ${path}?fieldManager=test`,
      ...common,
      type: 'application/json',
      body: JSON.stringify(OBJECT),
    })
    // undici opens a second one when the first has not yet come to rest after an answer.
    expect(sockets.size).toBeLessThanOrEqual(2)
    expect(http.namespace).toBe('team')
  })

  it('reads a token file again for each request, because tokens rotate', async () => {
    const seen: (string | undefined)[] = []
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'first\n')
    const config = await plain(
      (request, response) => {
        seen.push(request.headers.authorization)
        response.end(JSON.stringify(OBJECT))
      },
      { authProvider: { name: 'tokenFile', config: { tokenFile } } },
    )
    const client = clientOf(open(config))
    await client.get(CONFIG_MAP, KEY)
    writeFileSync(tokenFile, 'second\n')
    await client.get(CONFIG_MAP, KEY)
    expect(seen).toEqual(['Bearer first', 'Bearer second'])
  })

  it('passes refusals on', async () => {
    const config = await plain((_, response) => response.writeHead(404).end('404 page not found'))
    await expect(clientOf(open(config)).get(CONFIG_MAP, KEY)).rejects.toThrow(NotFoundError)
  })

  it('streams a watch for longer than the request timeout, and closes it on abort', async () => {
    let closed = () => {}
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    let say = (_: string) => {}
    const config = await plain((request, response) => {
      request.socket.on('close', closed)
      response.writeHead(200)
      say = (name) => response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`)
      say('first')
    })
    const abort = new AbortController()
    const names: string[] = []
    const watch = clientOf(open(config, 1000)).watch(
      CONFIG_MAP,
      { resourceVersion: '1', timeoutSeconds: 9 },
      abort.signal,
    )
    for await (const { object } of watch) {
      names.push(object.metadata.name)
      if (names.length === 2) abort.abort()
      else setTimeout(() => say('second'), 1500)
    }
    await gone
    expect(names).toEqual(['first', 'second'])
  })

  it.each(['its head', 'its body'])('gives up on an answer whose %s does not come', async (part) => {
    const config = await plain((_, response) => {
      if (part === 'its body') response.writeHead(200, { 'content-length': '100' }).write('{')
    })
    const asked = clientOf(open(config, 60)).get(CONFIG_MAP, KEY)
    await expect(asked).rejects.toThrow('no answer within 60 ms')
  })

  it('says that nobody listens', async () => {
    const port = await listen(createServer())
    await closers.pop()?.()
    const client = clientOf(open(kubeConfig(`http://127.0.0.1:${port}`)))
    const error = await client.get(CONFIG_MAP, KEY).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NetworkError)
    expect(String(error)).toContain('ECONNREFUSED')
  })

  it('sends credentials in clear text to loopback alone', () => {
    expect(() => createHttpTransport(kubeConfig('http://api.example.com:8080'))).toThrow('only to loopback; use https')
    expect(['localhost', '127.0.0.1', '127.9.9.9', '[::1]'].map(isLoopback)).toEqual([true, true, true, true])
    expect(['127.example.com', '10.0.0.1', '::2', 'localhost.example.com'].map(isLoopback)).not.toContain(true)
  })

  it('needs a current cluster', () => {
    expect(() => createHttpTransport(new KubeConfig())).toThrow('set current-context')
  })

  it('loads a kubeconfig from a file', async () => {
    const path = join(folder, 'kubeconfig')
    const config = await plain((_, response) => response.end(JSON.stringify(OBJECT)))
    writeFileSync(path, config.exportConfig())
    expect(await clientOf(open(loadKubeConfig(path))).get(CONFIG_MAP, KEY)).toEqual(OBJECT)
  })
})

describe('over TLS', () => {
  it('trusts the CA of the kubeconfig alone and shows its client certificate, rotated or not', async (ctx) => {
    if (spawnSync('openssl', ['version']).status !== 0)
      ctx.skip('openssl is not installed: no certificate to test with')
    const server = selfSigned('127.0.0.1')
    const users = ['first', 'second'].map((name) => selfSigned(name))
    const names: (string | undefined)[] = []
    const tls = createTlsServer(
      { ...read(server), ca: users.map((user) => readFileSync(user.certFile)), requestCert: true },
      (request, response) => {
        names.push(String((request.socket as TLSSocket).getPeerCertificate().subject?.CN))
        response.end(JSON.stringify(OBJECT))
      },
    )
    const port = await listen(tls)
    const user = { certFile: join(folder, 'user.crt'), keyFile: join(folder, 'user.key') }
    const client = clientOf(open(kubeConfig(`https://127.0.0.1:${port}`, user, { caFile: server.certFile })))
    for (const { certFile, keyFile } of users) {
      writeFileSync(user.certFile, readFileSync(certFile))
      writeFileSync(user.keyFile, readFileSync(keyFile))
      expect(await client.get(CONFIG_MAP, KEY)).toEqual(OBJECT)
    }
    expect(names).toEqual(['first', 'second'])
    const stranger = clientOf(open(kubeConfig(`https://127.0.0.1:${port}`, user)))
    await expect(stranger.get(CONFIG_MAP, KEY)).rejects.toThrow('self-signed certificate')
  })
})

function selfSigned(name: string) {
  const certFile = join(folder, `${name}.crt`)
  const keyFile = join(folder, `${name}.key`)
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  const made = spawnSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', certFile, ...subject])
  if (made.status !== 0) throw new Error(`openssl failed: ${made.stderr}`)
  return { certFile, keyFile }
}

function read({ certFile, keyFile }: { certFile: string; keyFile: string }) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
}
