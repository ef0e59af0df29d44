/**
 * The artifact store: what jobs build and other jobs, the operator and serving Pods read.
 *
 * An artifact is a folder of files and a manifest. Its name is the digest of the manifest, which names the digest of
 * every file: equal inputs give equal bytes, hence an equal name. What differs between two equal runs (clock, host)
 * lies beside it as provenance and has no part in the digest.
 */
import type { Digest } from './digest.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type JsonObject = { readonly [key: string]: JsonValue }

export interface ManifestFile {
  /** Relative to the artifact, forward slashes. */
  path: string
  /** Bytes. */
  size: number
  /** 64 hex digits. */
  sha256: string
}

export interface Manifest {
  schemaVersion: 1
  /** What it is: Dataset, Tokenizer, Model, ... */
  kind: string
  inputDigest: string
  /** Engine version, CPU family: whatever may change the bytes, nothing that differs between equal runs. */
  createdBy: JsonObject
  /** Sorted by path. */
  files: ManifestFile[]
  metadata: JsonObject
}

export interface ArtifactReference {
  digest: Digest
  /** Where it lies, e.g. `file:///data/store/artifacts/ab/abcd...`. */
  uri: string
  /** Sum of its files. */
  sizeBytes: number
}

export interface ArtifactStat extends ArtifactReference {
  manifest: Manifest
}

/** A verified artifact, its files on this machine. */
export interface Artifact {
  digest: Digest
  manifest: Manifest
  /** Absolute path of one file. @throws InvalidNameError when the manifest does not list it */
  path(file: string): string
  readFile(file: string): Promise<Buffer>
}

export interface PublishRequest {
  kind: string
  inputDigest: string
  metadata: JsonObject
  createdBy?: JsonObject
  /** Kept beside the artifact, outside its digest: host, times, job. */
  provenance?: JsonObject
}

/** Writes the files of an artifact or checkpoint into an empty folder. */
export type FolderWriter = (directory: string) => Promise<void>

/** As FolderWriter, for producers that know their metadata only at the end: what it returns is added to it. */
export type ArtifactWriter = (directory: string) => Promise<JsonObject> | Promise<void>

export interface Checkpoint {
  step: number
  /** Start token of the worker that wrote it. */
  token: string
  files: ManifestFile[]
  path(file: string): string
  readFile(file: string): Promise<Buffer>
}

export interface Checkpoints {
  /**
   * Publishes a checkpoint atomically; the two newest steps are kept. `confirm` is awaited when all is written, right
   * before it counts: a writer that was frozen at its work may have lost the run since. What it throws ends the write.
   */
  write(step: number, token: string, write: FolderWriter, confirm?: () => Promise<void>): Promise<void>
  /** The newest checkpoint whose every byte is as written; damaged ones are removed and passed over. */
  latest(): Promise<Checkpoint | undefined>
  remove(): Promise<void>
}

export interface Ledger {
  /** Appends one entry and returns when it is kept for good. One writer at a time. */
  append(namespace: string, entry: JsonObject): Promise<void>
  /** All entries in order. A line torn by a crash is left out. */
  read(namespace: string): Promise<JsonObject[]>
  /** Every namespace that has entries, also one that no cluster has any more. */
  namespaces(): Promise<string[]>
}

export interface GarbageCollection {
  /** Whether an object of the API, or the ledger, refers to this artifact. */
  isReferenced(digest: Digest): boolean
  /**
   * Whether a run with these inputs is still to end, so that its checkpoints stay. Absent: checkpoints stay until
   * their result is in the index.
   */
  isActiveInput?(namespace: string, inputDigest: string): boolean
  /** Milliseconds; younger things stay, as someone may be about to refer to them. */
  olderThan: number
  /** Milliseconds since the epoch. */
  now: number
}

export interface Collected {
  artifacts: Digest[]
  /** Staging and quarantine folders, by name. */
  folders: string[]
  /** `namespace/inputDigest`. */
  checkpoints: string[]
  bytes: number
}

export interface ArtifactStore {
  /** `file:///path` or `s3://bucket/prefix`. */
  readonly uri: string
  /**
   * Publishes what `write` leaves in its folder. All or nothing: after a crash or an error nothing is visible.
   * The same digest published twice, also at once, is one artifact; a corrupt one of that name is replaced.
   * @throws StoreFullError, InvalidNameError
   */
  publish(request: PublishRequest, write: ArtifactWriter): Promise<ArtifactReference>
  /**
   * Verifies every file against its digest, then opens.
   * @throws ArtifactNotFoundError, CorruptArtifactError
   */
  open(digest: string): Promise<Artifact>
  /** Undefined when absent, or when the manifest or a file's size is wrong. Reads no file's contents. */
  stat(digest: string): Promise<ArtifactStat | undefined>
  /** Moves an artifact aside, so that it can be built again. No error when absent. */
  quarantine(digest: string): Promise<void>
  /** The finished artifact of these inputs. An entry that leads nowhere, or to a damaged one, counts as absent. */
  findByInput(namespace: string, inputDigest: string): Promise<ArtifactStat | undefined>
  recordInput(namespace: string, inputDigest: string, digest: string): Promise<void>
  checkpoints(namespace: string, inputDigest: string): Checkpoints
  readonly ledger: Ledger
  collectGarbage(request: GarbageCollection): Promise<Collected>
}
