import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobKind, JobPayload } from '../../../crds/jobs.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ProcessorContext, ProgressUpdate } from '../../../workers/processors/context.ts'
import { JobError } from '../../../workers/processors/job-error.ts'
import { inputOf, temporaryFolder } from '../artifacts/support.ts'
import { ingest } from '../data/support.ts'

export interface TestContext extends ProcessorContext {
  readonly updates: ProgressUpdate[]
}

/** A job's world with a store of its own; `supersede` makes another worker hold the job at that phase. */
export async function testContext(options: { threads?: number; supersededAt?: string } = {}): Promise<TestContext> {
  const updates: ProgressUpdate[] = []
  const superseded = new JobError('Superseded', 'another worker holds the job', { retryable: true })
  const check = (place: string): void => {
    if (place === options.supersededAt) throw superseded
  }
  return {
    updates,
    store: openFileStore(await temporaryFolder()),
    scratch: await temporaryFolder(),
    signal: new AbortController().signal,
    threads: options.threads ?? 1,
    startToken: 'token',
    async progress(update) {
      updates.push(update)
      check(update.phase)
    },
    mayWrite: async () => check('mayWrite'),
    log: { info: () => {}, warn: () => {} },
    now: () => 0,
  }
}

export const payloadOf = <Spec>(kind: JobKind, spec: Spec, inputs: Record<string, string>): JobPayload<Spec> => ({
  kind,
  namespace: 'ads',
  name: 'test',
  uid: 'uid',
  attempt: 1,
  inputDigest: inputOf(kind),
  engine: 'test-engine',
  spec,
  inputs,
})

export interface PublishedDataset {
  readonly sequences: readonly (readonly number[])[]
  readonly items?: readonly { id: string; text: string; attributes: string[] }[]
}

/** A Dataset artifact in the store of the context, from users' item ids. */
export async function publishDataset(context: ProcessorContext, { sequences, items }: PublishedDataset) {
  const folder = await temporaryFolder()
  const lines = sequences.map((sequence, user) => [`u${user}`, ...sequence].join(' '))
  await writeFile(join(folder, 'sequences.txt'), `${lines.join('\n')}\n`)
  if (items) await writeFile(join(folder, 'items.jsonl'), items.map((item) => `${JSON.stringify(item)}\n`).join(''))
  const columns = { id: 'id', text: ['text'], attributes: ['attributes'] }
  const { artifact, dataset } = await ingest(
    {
      source: { file: { path: folder } },
      interactions: { path: 'sequences.txt', format: 'SequenceLines' },
      ...(items && { items: { path: 'items.jsonl', format: 'JSONLines', columns } }),
      split: { strategy: 'LeaveOneOut' },
    },
    { store: context.store, inputDigest: inputOf(JSON.stringify(sequences)) },
  )
  return { digest: artifact.digest, dataset }
}
