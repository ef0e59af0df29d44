import { openFileStore } from './file-store.ts'
import { openS3Store, type S3StoreOptions } from './s3/store.ts'
import type { ArtifactStore } from './store.ts'

export type OpenStoreOptions = Pick<S3StoreOptions, 'scratch'>

/**
 * The store at an absolute path, a `file:///` URI or `s3://bucket/prefix`. Reads nothing yet.
 * @throws InvalidNameError
 */
export function openStore(uri: string, options: OpenStoreOptions = {}): ArtifactStore {
  return uri.startsWith('s3:') ? openS3Store(uri, options) : openFileStore(uri)
}
