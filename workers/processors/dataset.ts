import type { DatasetSummary, JobPayload } from '../../crds/jobs.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import { digestOf } from '../artifacts/digest.ts'
import { type IngestProgress, ingestDataset } from '../data/ingest.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { pinSource } from './dataset-source.ts'

type Spec = Dataset['spec']

/** Reads logs, or draws a simulation, into a pinned revision; the same content read the same way is found again. */
export async function processDataset(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<DatasetSummary>> {
  const { store, signal } = context
  const { spec, namespace } = payload
  await context.progress({ phase: 'Digesting', step: 0, totalSteps: 1 })
  const source = await pinSource(payload, context)
  const inputDigest = contentInput(payload, source.digest)
  const found = await store.findByInput(namespace, inputDigest)
  if (found) {
    const { digest, sizeBytes, manifest } = found
    return {
      artifact: { digest, sizeBytes },
      summary: manifest.metadata.summary as unknown as DatasetSummary,
      reused: true,
    }
  }
  const files = await source.files()
  const { artifact, ...summary } = await ingestDataset(spec, {
    store,
    scratch: context.scratch,
    namespace,
    inputDigest,
    threads: context.threads,
    sourceDigest: source.digest,
    ...(files && { files }),
    signal,
    progress: report(context),
    createdBy: { engine: payload.engine },
    provenance: { namespace, name: payload.name, finishedAt: context.now() },
  })
  const { popularityShares, ...told } = summary
  context.log.info('Pinned a revision', { ...told, digest: artifact.digest })
  return {
    artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes },
    summary: {
      ...told,
      badRowExamples: told.badRowExamples.map((row) => ({ ...row })),
      popularityShares: [...popularityShares],
    },
  }
}

/** What decides the revision: the spec, and for files what is in them. */
function contentInput({ spec, inputDigest }: JobPayload<Spec>, sourceDigest: string): string {
  return spec.source.simulation ? inputDigest : digestOf({ inputDigest, sourceDigest })
}

/** Reading does not wait for reports; a job that shall stop is told by its signal. */
function report(context: ProcessorContext): (progress: IngestProgress) => void {
  return (progress) => void context.progress(progress).catch(() => undefined)
}
