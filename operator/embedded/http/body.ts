import { parse as parseYaml } from 'yaml'
import { isObject, type JsonObject } from '../json.ts'
import { badRequest, tooLarge, unsupportedMediaType } from '../status-error.ts'

/** The API server's own bound of a request body. */
export const bodyLimitBytes = 3 * 1024 * 1024

/** @throws StatusError 413 as soon as the body is longer than the limit; the rest is not read. */
export async function readText(request: Request): Promise<string> {
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > bodyLimitBytes) throw tooLarge(bodyLimitBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function mediaTypeOf(request: Request): string {
  return (request.headers.get('content-type') ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** JSON, or YAML where the media type says so (of which JSON is a part, and much faster to read). */
export function parseText(text: string, mediaType: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!mediaType.endsWith('yaml')) throw badRequest(`the body is not JSON: ${messageOf(error)}`)
  }
  try {
    return parseYaml(text)
  } catch (error) {
    throw badRequest(`error decoding YAML: ${messageOf(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The object of a POST or PUT. */
export async function readObject(request: Request): Promise<JsonObject> {
  const mediaType = mediaTypeOf(request)
  if (mediaType !== 'application/json' && mediaType !== 'application/yaml') {
    const accepted = 'accepted media types include: application/json, application/yaml'
    const hint = mediaType.endsWith('protobuf')
      ? '. This API server does not read protobuf: add --dry-run=client -o yaml and pipe it into kubectl apply -f -'
      : ''
    throw unsupportedMediaType(`the body of the request was in an unknown format (${mediaType}) - ${accepted}${hint}`)
  }
  const value = parseText(await readText(request), mediaType)
  if (!isObject(value)) throw badRequest('the body is not an object')
  return value
}
