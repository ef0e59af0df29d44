import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { maxRequestsPerCall, type RankAnswer, type RankError, type RankRequest, rankRequest } from '../../crds/rank.ts'
import { type Batcher, OverloadError } from './batcher.ts'
import type { ServingMetrics } from './metrics.ts'
import { answerOf, type KnownIds, prepareRequest } from './ranking.ts'

export interface ServedModel {
  /** What answers and metrics call it. */
  model: RankAnswer['model']
  known: KnownIds
  batcher: Batcher
  metrics: ServingMetrics
}

export interface HttpState {
  wantedDigest: string
  /** Undefined until the wanted model is loaded and warm. */
  served(): ServedModel | undefined
  isDraining(): boolean
}

const bodyLimit = 4 << 20

/** The HTTP interface of a serving Pod; it answers health from the first moment, and lists once a model is loaded. */
export function createHttpServer(state: HttpState): FastifyInstance {
  const server = fastify({
    bodyLimit,
    forceCloseConnections: 'idle',
    // The schema says what is meant; guessing types or dropping fields would hide a caller's mistake.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    routerOptions: { maxParamLength: 256 },
  })
  server.setErrorHandler((error: FastifyError, _, reply) => refuse(reply, error))
  server.setNotFoundHandler((request, reply) => {
    const message = `there is nothing at ${request.method} ${request.url.slice(0, 200)}`
    return reply.code(404).send({ error: { code: 'NotFound', message } } satisfies RankError)
  })
  server.addHook('onSend', async (_, reply) => {
    if (state.isDraining()) reply.header('connection', 'close')
  })
  healthRoutes(server, state)
  inferenceProtocolRoutes(server, state)
  rankRoute(server, state)
  return server
}

function rankRoute(server: FastifyInstance, state: HttpState): void {
  server.addHook('onResponse', async (request, reply) => {
    const served = state.served()
    if (request.routeOptions.url !== '/v1/rank' || !served) return
    served.metrics.requests.inc({ code: String(reply.statusCode) })
    served.metrics.latency.observe(reply.elapsedTime / 1000)
  })
  server.route({
    method: 'POST',
    url: '/v1/rank',
    schema: { body: bodySchema },
    handler: async (request, reply) => {
      const served = state.served()
      if (!served) throw new OverloadError(503, 'the model is being loaded')
      const body = request.body as RankRequest | RankRequest[]
      const gone = whenGone(request, reply)
      const answers = await Promise.all([body].flat().map((one) => rank(one, served, gone)))
      return Array.isArray(body) ? answers : answers[0]
    },
  })
  server.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE'],
    url: '/v1/rank',
    handler: (_, reply) =>
      reply
        .code(405)
        .header('allow', 'POST')
        .send({ error: { code: 'MethodNotAllowed', message: 'use POST' } } satisfies RankError),
  })
}

/** Which of the two a body is shows at its first character, so that a mistake is told of the right one. */
const bodySchema = {
  if: { type: 'array' },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { type: 'array', items: rankRequest, minItems: 1, maxItems: maxRequestsPerCall },
  else: rankRequest,
}

async function rank(request: RankRequest, served: ServedModel, gone: AbortSignal): Promise<RankAnswer> {
  const { model, known, batcher, metrics } = served
  const prepared = prepareRequest(request, known)
  const answer = answerOf(prepared, await batcher.rank(prepared.decode, gone), known, model)
  if (answer.entries.length === 0) metrics.emptyLists.inc()
  return answer
}

function whenGone(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  request.raw.socket.once('close', () => {
    if (!reply.sent) controller.abort(new OverloadError(503, 'the client went away'))
  })
  return controller.signal
}

function healthRoutes(server: FastifyInstance, state: HttpState): void {
  const ready = () => state.served() !== undefined && !state.isDraining()
  server.get('/healthz', async () => 'ok\n')
  server.get('/readyz', async (_, reply) => {
    const loaded = state.served()?.model.digest
    return reply.code(ready() ? 200 : 503).send({ wanted: state.wantedDigest, loaded, draining: state.isDraining() })
  })
  server.get('/metrics', async (_, reply) => {
    const registry = state.served()?.metrics.registry
    return registry ? reply.type(registry.contentType).send(await registry.metrics()) : reply.send('')
  })
}

/** Open Inference Protocol v2: health and metadata. */
function inferenceProtocolRoutes(server: FastifyInstance, state: HttpState): void {
  const isReady = () => state.served() !== undefined && !state.isDraining()
  server.get('/v2', async () => ({ name: 'adloom', version: '1', extensions: [] }))
  server.get('/v2/health/live', async () => ({ live: true }))
  server.get('/v2/health/ready', async (_, reply) => reply.code(isReady() ? 200 : 503).send({ ready: isReady() }))
  server.get<{ Params: { name: string } }>('/v2/models/:name', async ({ params }, reply) => {
    const served = state.served()
    if (served?.model.name !== params.name) return unknownModel(reply, params.name)
    return {
      name: served.model.name,
      versions: [served.model.revision],
      platform: 'onnxruntime',
      inputs: [{ name: 'history', datatype: 'BYTES', shape: [-1] }],
      outputs: [
        { name: 'items', datatype: 'BYTES', shape: [-1] },
        { name: 'scores', datatype: 'FP32', shape: [-1] },
      ],
    }
  })
  server.get<{ Params: { name: string } }>('/v2/models/:name/ready', async ({ params }, reply) => {
    const served = state.served()
    if (served && served.model.name !== params.name) return unknownModel(reply, params.name)
    return reply.code(isReady() ? 200 : 503).send({ name: params.name, ready: isReady() })
  })
}

const unknownModel = (reply: FastifyReply, name: string) =>
  reply
    .code(404)
    .send({ error: { code: 'NotFound', message: `no model "${name}" is served here` } } satisfies RankError)

const codes: Record<number, string> = {
  400: 'BadRequest',
  413: 'TooLarge',
  415: 'UnsupportedMediaType',
  429: 'Overloaded',
  503: 'Unavailable',
}

function refuse(reply: FastifyReply, error: FastifyError | OverloadError): FastifyReply {
  const overload = error instanceof OverloadError
  const status = overload ? error.status : (error.statusCode ?? 500)
  if (overload) reply.header('retry-after', String(error.retryAfterSeconds))
  const [problem] = overload ? [] : (error.validation ?? [])
  const field = problem && fieldOf(problem)
  // What broke inside is for the log; a stranger learns only that it did.
  const message = status >= 500 && !overload ? 'the request could not be answered' : error.message
  if (status >= 500 && !overload) reply.log.error(error)
  return reply.code(status).send({
    error: { code: codes[status] ?? (status >= 500 ? 'Internal' : 'BadRequest'), message, ...(field ? { field } : {}) },
  } satisfies RankError)
}

/** JSON pointer (RFC 6901) to what is wrong. */
function fieldOf({ instancePath, params }: { instancePath: string; params: Record<string, unknown> }): string {
  const name = params.additionalProperty ?? params.missingProperty
  return typeof name === 'string'
    ? `${instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    : instancePath || '/'
}
