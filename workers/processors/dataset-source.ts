import { join } from 'node:path'
import type { JobPayload } from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { digestOf } from '../artifacts/digest.ts'
import type { ObjectsSpec } from '../data/dataset-spec.ts'
import { digestSource } from '../data/source-digest.ts'
import { findSourceFiles, type SourceFiles } from '../data/source-files.ts'
import {
  allObjects,
  fetchSourceObjects,
  listSourceObjects,
  type SourceObjects,
  sizeOf,
} from '../data/source-objects.ts'
import type { ProcessorContext } from './context.ts'

type Payload = JobPayload<Dataset['spec']>

/** What a Dataset is read from. */
export interface PinnedSource {
  /** Of the contents. */
  digest: string
  /** Exactly those that were pinned; undefined where there are none. */
  files(): Promise<SourceFiles | undefined>
}

/** Finds out what the source holds now; objects are fetched only if nobody has seen exactly these before. */
export async function pinSource(payload: Payload, context: ProcessorContext): Promise<PinnedSource> {
  const { spec } = payload
  if (spec.source.s3) return pinObjects(payload, spec.source.s3, context)
  if (spec.source.simulation) return { digest: (await digestSource(spec)).digest, files: async () => undefined }
  // Found once: what is added from now on belongs to the next revision.
  const files = await findSourceFiles(spec)
  const { digest } = await digestSource(spec, { signal: context.signal, files })
  return { digest, files: async () => files }
}

async function pinObjects(payload: Payload, source: ObjectsSpec, context: ProcessorContext): Promise<PinnedSource> {
  const { spec } = payload
  const listed = await listSourceObjects(spec, source)
  let fetched: Promise<SourceFiles> | undefined
  const files = () => (fetched ??= fetch(source, listed, context))
  const known = identityOf(source, listed)
  const remembered = known === undefined ? undefined : await recall(payload.namespace, known, context)
  if (remembered !== undefined) return { digest: remembered, files }
  const { digest } = await digestSource(spec, { signal: context.signal, files: await files() })
  if (known !== undefined) await remember(payload, known, digest, context)
  return { digest, files }
}

async function fetch(source: ObjectsSpec, listed: SourceObjects, context: ProcessorContext): Promise<SourceFiles> {
  const totalSteps = sizeOf(allObjects(listed))
  let step = 0
  const onFetched = (bytes: number) => {
    step += bytes
    // Fetching does not wait for reports; a job that shall stop is told by its signal.
    void context.progress({ phase: 'Fetching', step, totalSteps }).catch(() => undefined)
  }
  const files = await fetchSourceObjects(source, listed, {
    folder: join(context.scratch, 'source'),
    signal: context.signal,
    onFetched,
  })
  context.log.info('Fetched the source', { uri: source.uri, bytes: totalSteps })
  return files
}

/** Names the very objects that were listed; undefined where the server does not say which they are. */
function identityOf({ uri }: ObjectsSpec, listed: SourceObjects): string | undefined {
  return allObjects(listed).every(({ etag }) => etag) ? digestOf({ uri, ...listed }) : undefined
}

/**
 * Which contents these objects had is kept in the store: a small artifact without files, found by their identity and
 * collected when nobody has asked for it for long.
 */
async function recall(namespace: string, identity: string, { store }: ProcessorContext): Promise<string | undefined> {
  const { sourceDigest } = (await store.findByInput(namespace, identity))?.manifest.metadata ?? {}
  return typeof sourceDigest === 'string' ? sourceDigest : undefined
}

async function remember(
  { namespace, engine }: Payload,
  identity: string,
  sourceDigest: string,
  { store }: ProcessorContext,
): Promise<void> {
  const request = { kind: 'SourceContents', inputDigest: identity, createdBy: { engine }, metadata: { sourceDigest } }
  const { digest } = await store.publish(request, async () => undefined)
  await store.recordInput(namespace, identity, digest)
}
