import { badRequest } from '../status-error.ts'

/** What a client wants to see of objects. */
export interface Representation {
  as: 'Object' | 'Table' | 'Metadata'
  /** What table rows carry. */
  include: 'None' | 'Metadata' | 'Object'
}

/** Reads Accept: the first of its forms that this server has. A form that it has not is answered with plain JSON. */
export function representationOf(request: Request, query: URLSearchParams): Representation {
  const include = query.get('includeObject') ?? 'Metadata'
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw badRequest(`invalid includeObject value: ${JSON.stringify(include)}`)
  }
  for (const form of (request.headers.get('accept') ?? '').split(',')) {
    const [mediaType, ...parameters] = form.split(';').map((part) => part.trim())
    if (mediaType !== 'application/json') continue
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3)
    if (as === 'Table') return { as, include }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'Metadata', include }
    if (as === undefined) break
  }
  return { as: 'Object', include }
}
