/** Names that come from outside and become parts of paths. */
import { InvalidNameError } from './errors.ts'

const NAMESPACE_PATTERN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const FILE_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const MAX_FILE_DEPTH = 8

/** A Kubernetes namespace (RFC 1123 label). */
export function checkedNamespace(namespace: string): string {
  if (NAMESPACE_PATTERN.test(namespace)) return namespace
  throw new InvalidNameError('namespace', namespace, 'lower-case letters, digits and inner dashes, at most 63')
}

/**
 * A file of an artifact: a relative path with forward slashes whose parts have no leading dot, so neither `..` nor
 * an absolute path can pass.
 */
export function checkedFilePath(path: string): string {
  const parts = path.split('/')
  if (parts.length <= MAX_FILE_DEPTH && parts.every((part) => FILE_PATTERN.test(part))) return path
  throw new InvalidNameError(
    'file name in an artifact',
    path,
    `at most ${MAX_FILE_DEPTH} parts of letters, digits, dot, dash and underscore, none with a leading dot`,
  )
}
