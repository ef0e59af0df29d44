import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { HttpError } from './http-error.ts'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

/**
 * One method of a path; the others are answered 405.
 * @param mayEnter asked before the body is read; throws what is answered instead
 */
export function route(
  app: FastifyInstance,
  allowed: 'GET' | 'POST',
  url: string,
  handler: Handler,
  mayEnter: (request: FastifyRequest) => void = () => {},
): void {
  const accepted: HTTPMethods[] = allowed === 'GET' ? ['GET', 'HEAD'] : ['POST']
  const allow = accepted.join(', ')
  app.route({
    method: accepted,
    url,
    onRequest: async (request) => mayEnter(request),
    handler: async (request, reply) => handler(request, reply),
  })
  app.route({
    method: methods.filter((method) => !accepted.includes(method)),
    url,
    // Before the body is looked at, which may be of any type.
    onRequest: async () => {
      throw new HttpError(405, 'MethodNotAllowed', `${url} is asked by ${allow}`, { headers: { allow } })
    },
    handler: () => {},
  })
}
