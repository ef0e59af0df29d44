/**
 * Where things lie below a store's prefix. An artifact's files lie below the id of the upload that brought them, and
 * one small object, written last, says which upload counts:
 *
 *   artifacts/ab/abcd.../published             the upload's id, then the manifest
 *   artifacts/ab/abcd.../used                  written again whenever the artifact is found: garbage collection spares it
 *   artifacts/ab/abcd.../UPLOAD/events.u32     the files, and provenance.json
 *   quarantine/abcd...-UPLOAD                  a `published` that was taken down
 *   index/NAMESPACE/INPUT.json                 the digest of the artifact of these inputs
 *   checkpoints/NAMESPACE/INPUT/STEP-UPLOAD/   files, and last the manifest
 *   ledger/NAMESPACE/000000000001.json         one entry each
 */
import { isDigest } from '../digest.ts'
import { type Layout, layoutOf } from '../layout.ts'

/** The file store's names, so that a person finds the same things at the same places. */
const layout: Layout = layoutOf('/')
const relative = (path: string): string => path.slice(1)

export const ARTIFACTS = 'artifacts/'
export const CHECKPOINTS = 'checkpoints/'
export const INDEXES = 'index/'
export const QUARANTINE = 'quarantine/'
export const LEDGERS = 'ledger/'

/** With a slash at the end, as all folders here. @throws TypeError when it is no digest */
export const artifactFolder = (digest: string): string => `${relative(layout.artifact(digest))}/`
export const publishedKey = (digest: string): string => `${artifactFolder(digest)}published`
export const usedKey = (digest: string): string => `${artifactFolder(digest)}used`
export const uploadFolder = (digest: string, upload: string): string => `${artifactFolder(digest)}${upload}/`
export const indexKey = (namespace: string, inputDigest: string): string =>
  relative(layout.index(namespace, inputDigest))
export const checkpointsFolder = (namespace: string, inputDigest: string): string =>
  `${relative(layout.checkpointsOf(namespace, inputDigest))}/`
export const ledgerFolder = (namespace: string): string => relative(layout.ledger(namespace)).replace(/\.jsonl$/, '/')
export const quarantineKey = (hex: string, upload: string): string => `${QUARANTINE}${hex}-${upload}`

/** The artifact and the upload that a key of the quarantine names. */
export function quarantinedUpload(key: string): { hex: string; upload: string } | undefined {
  const [hex = '', ...rest] = key.slice(QUARANTINE.length).split('-')
  return isDigest(`sha256:${hex}`) ? { hex, upload: rest.join('-') } : undefined
}
