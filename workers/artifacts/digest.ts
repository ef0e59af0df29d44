/** Digests: SHA-256 over canonical JSON (RFC 8785), written `sha256:<64 hex digits>`. */
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'

export type Digest = `sha256:${string}`

const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/

/**
 * The RFC 8785 form of a JSON value: keys sorted, no white space, one spelling for every number.
 * Fields that are undefined are left out, as JSON.stringify does.
 * @throws TypeError for what JSON cannot say: NaN, infinities, circles, undefined itself
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('A value without a JSON form has no digest')
  return text
}

export function digestOfBytes(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** The digest of a JSON value, the same for every order of its keys. */
export function digestOf(value: unknown): Digest {
  return digestOfBytes(canonicalJson(value))
}

export function isDigest(text: string): text is Digest {
  return DIGEST_PATTERN.test(text)
}

/** The 64 hex digits of a digest. @throws TypeError when the text is no digest; digests become folder names */
export function hexOf(digest: string): string {
  if (!isDigest(digest)) throw new TypeError(`Not a digest (sha256: and 64 hex digits): ${JSON.stringify(digest)}`)
  return digest.slice('sha256:'.length)
}

/** Ten hex digits of the digest: enough to tell states of one thing apart, short enough to be read out. */
export const revisionOf = (value: unknown): string => hexOf(digestOf(value)).slice(0, 10)
