// The HTTP surface of a ranker: /v1/rank, probes, metrics and the health routes of the Open Inference Protocol.

import type { Duplex } from 'node:stream'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import packageJson from '../../package.json' with { type: 'json' }
import { requireToken } from './bearer-token.ts'
import { readEvents } from './events-body.ts'
import { HttpError, toHttpError } from './http-error.ts'
import { readRankCall } from './rank-body.ts'
import type { Ranker } from './ranker.ts'
import { route } from './route.ts'

export interface ServerOptions {
  readonly ranker: Ranker
  /** Whether the process is about to end: it answers, but wants no more. */
  readonly draining: () => boolean
  /** That callers of /v1/events must send; absent: none. */
  readonly eventsToken?: string | undefined
  /** What goes wrong here, by a line. */
  readonly logError: (message: string, error: unknown) => void
}

export const bodyLimitBytes = 4 * 1024 * 1024
/** Clients are told that an idle connection lives so long, and use none that is older. */
const keepAliveMilliseconds = 5000
/** How much longer it lives in truth: a request that comes late, or is read late, finds it open. */
const keepAliveGraceMilliseconds = 10_000
/** A body that takes longer to arrive is given up. */
const receiveTimeoutMilliseconds = 30_000

/** Not in RFC 9110; what nginx logs for a client that closed before its answer. */
const clientLeft = 499

/** A server that does not listen yet. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    requestTimeout: receiveTimeoutMilliseconds,
    keepAliveTimeout: keepAliveMilliseconds,
    forceCloseConnections: 'idle',
    // Who has sent a request over a connection that is still open gets its answer.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    routerOptions: { maxParamLength: 512 },
  })
  app.server.keepAliveTimeoutBuffer = keepAliveGraceMilliseconds
  app.removeContentTypeParser('text/plain')
  app.addHook('onSend', async (_request, reply) => {
    if (options.draining()) reply.header('connection', 'close')
  })
  app.setErrorHandler((error, _request, reply) => sendError(options, error, reply))
  app.setNotFoundHandler(({ method, url }, reply) =>
    reply.status(404).send(new HttpError(404, 'NotFound', `no route ${method} ${url.slice(0, 200)}`).body),
  )
  addRank(app, options)
  addEvents(app, options)
  addProbes(app, options)
  addInferenceProtocol(app, options)
  return app
}

type ConnectionFault = [status: number, reason: string, code: string, message: string]

const malformed: ConnectionFault = [400, 'Bad Request', 'BadRequest', 'what was sent is no HTTP request']
/** What Node finds wrong before there is a request, by its code. */
const connectionFaults: Readonly<Record<string, ConnectionFault>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'RequestTimeout', 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'HeadersTooLarge', 'the headers are too long'],
}

function refuseConnection({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, reason, word, message] = connectionFaults[code] ?? malformed
  const body = JSON.stringify(new HttpError(status, word, message).body)
  const headers = ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, 'connection: close']
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}

function sendError({ logError }: ServerOptions, error: unknown, reply: FastifyReply): FastifyReply {
  const refused = toHttpError(error)
  if (refused !== undefined) return reply.status(refused.status).headers(refused.headers).send(refused.body)
  logError('a request failed', error)
  return reply.status(500).send(new HttpError(500, 'InternalError', 'the request failed; the log says why').body)
}

function addRank(app: FastifyInstance, { ranker }: ServerOptions): void {
  const { metrics } = ranker
  const gone = new Error('the client went away')
  app.addHook('onResponse', async (request, reply) => {
    if (request.routeOptions.url !== '/v1/rank' || reply.statusCode === clientLeft) return
    metrics.requests.inc({ code: String(reply.statusCode) })
    metrics.duration.observe(reply.elapsedTime / 1000)
  })
  route(app, 'POST', '/v1/rank', async (request, reply) => {
    const call = readRankCall(request.body, ranker.limits, ranker.now())
    const aborter = new AbortController()
    const closed = () => {
      if (!reply.raw.writableFinished) aborter.abort(gone)
    }
    reply.raw.once('close', closed)
    metrics.inFlight.inc()
    try {
      const answers = await ranker.rank(call.requests, aborter.signal)
      return call.isList ? answers : answers[0]
    } catch (error) {
      if (error !== gone) throw error
      // Counted here: no hook runs for an answer that nobody takes.
      metrics.requests.inc({ code: String(clientLeft) })
      return reply.status(clientLeft).send()
    } finally {
      metrics.inFlight.dec()
      reply.raw.off('close', closed)
    }
  })
}

function addEvents(app: FastifyInstance, { ranker, eventsToken }: ServerOptions): void {
  const feedback = () => {
    if (ranker.feedback !== undefined) return ranker.feedback
    throw new HttpError(404, 'FeedbackOff', 'this ranker takes no events; set spec.serving.feedback')
  }
  // Before the body is read: who may not send events makes no work.
  const mayEnter = (request: FastifyRequest) => {
    feedback()
    if (eventsToken !== undefined) requireToken(request.headers.authorization, eventsToken)
  }
  route(
    app,
    'POST',
    '/v1/events',
    (request, reply) => {
      const taker = feedback()
      return reply.status(202).send(taker.take(readEvents(request.body, taker.now())))
    },
    mayEnter,
  )
}

function readiness({ ranker, draining }: ServerOptions) {
  const { digest } = ranker.settings
  const loaded = ranker.loadedDigest
  const ready = loaded === digest && !draining() && ranker.failure === undefined
  const reason = draining() ? 'draining' : loaded === digest ? ranker.failure : 'the wanted model is not loaded yet'
  return { ready, wanted: digest, ...(loaded && { loaded }), ...(reason !== undefined && { reason }) }
}

function addProbes(app: FastifyInstance, options: ServerOptions): void {
  const { ranker } = options
  route(app, 'GET', '/healthz', (_request, reply) =>
    ranker.failure === undefined ? { ok: true } : reply.status(503).send({ ok: false, reason: ranker.failure }),
  )
  route(app, 'GET', '/readyz', (_request, reply) => {
    const state = readiness(options)
    return reply.status(state.ready ? 200 : 503).send(state)
  })
  route(app, 'GET', '/metrics', async (_request, reply) => {
    const { registry } = ranker.metrics
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

/** Health and metadata of https://github.com/kserve/open-inference-protocol; /v1/rank takes the place of `infer`. */
function addInferenceProtocol(app: FastifyInstance, options: ServerOptions): void {
  const { name, revision } = options.ranker.settings
  const known = (request: FastifyRequest) => {
    const { name: asked } = request.params as { name: string }
    if (asked !== name) throw new HttpError(404, 'UnknownModel', `this server has the model ${name} alone`)
  }
  route(app, 'GET', '/v2', () => ({ name: 'adloom', version: packageJson.version, extensions: [] }))
  route(app, 'GET', '/v2/health/live', () => ({ live: true }))
  route(app, 'GET', '/v2/health/ready', (_request, reply) => {
    const { ready } = readiness(options)
    return reply.status(ready ? 200 : 503).send({ ready })
  })
  route(app, 'GET', '/v2/models/:name', (request) => {
    known(request)
    const { parameters } = options.ranker
    return { name, versions: [revision], platform: 'adloom_onnxruntime', inputs: [], outputs: [], parameters }
  })
  route(app, 'GET', '/v2/models/:name/ready', (request, reply) => {
    known(request)
    const { ready } = readiness(options)
    return reply.status(ready ? 200 : 503).send({ name, ready })
  })
}
