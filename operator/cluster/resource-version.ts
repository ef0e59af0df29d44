/**
 * Orders two resourceVersions of one resource: negative when `a` is older. The API promises decimal integers of any
 * length that can be compared (KEP-5504, and etcd revisions before it); undefined where a server gives something else,
 * and then only equality means anything.
 */
export function compareResourceVersions(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (!isDecimal(a) || !isDecimal(b)) return undefined
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}

/** True only where the order is known. */
export function isOlder(a: string, b: string): boolean {
  const order = compareResourceVersions(a, b)
  return order !== undefined && order < 0
}

function isDecimal(version: string): boolean {
  return /^(0|[1-9]\d*)$/.test(version)
}
