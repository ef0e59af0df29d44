import { badRequest } from '../status-error.ts'

export interface WriteOptions {
  fieldManager: string
  dryRun: boolean
  fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  force: boolean
  /** Collected on the way, for the Warning headers of the answer. */
  warnings: string[]
}

/** @throws StatusError 400 for values that the API does not know. */
export function writeOptions(request: Request, query: URLSearchParams): WriteOptions {
  const dryRun = query.getAll('dryRun').filter(Boolean)
  if (dryRun.some((value) => value !== 'All')) throw badRequest('dryRun: Unsupported value: supported values: "All"')
  const fieldValidation = query.get('fieldValidation') || 'Warn'
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore') {
    throw badRequest(
      `fieldValidation: Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "Ignore", "Warn", "Strict"`,
    )
  }
  const fieldManager = query.get('fieldManager') ?? ''
  if (fieldManager.length > 128) throw badRequest('fieldManager: Too long: may not be more than 128 bytes')
  return {
    fieldManager:
      fieldManager || (request.headers.get('user-agent') ?? 'unknown').split('/')[0]?.slice(0, 128) || 'unknown',
    dryRun: dryRun.length > 0,
    fieldValidation,
    force: query.get('force') === 'true',
    warnings: [],
  }
}
