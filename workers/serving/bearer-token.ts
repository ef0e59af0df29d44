import { createHash, timingSafeEqual } from 'node:crypto'
import { HttpError } from './http-error.ts'

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Whether a request carries the token (RFC 6750), in a time that does not depend on how much of it is right.
 * @throws HttpError 401 without a token, 403 with another one; neither says what was sent
 */
export function requireToken(authorization: string | undefined, token: string): void {
  const [, sent] = /^bearer +([^\s]+) *$/i.exec(authorization ?? '') ?? []
  if (sent === undefined)
    throw new HttpError(401, 'Unauthorized', 'send `Authorization: Bearer TOKEN`', {
      headers: { 'www-authenticate': 'Bearer' },
    })
  if (!timingSafeEqual(digestOf(sent), digestOf(token)))
    throw new HttpError(403, 'Forbidden', 'the token is not the one of spec.serving.feedback.tokenSecretRef')
}
