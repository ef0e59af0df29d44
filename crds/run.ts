import type { Static, TProperties } from 'typebox'
import type { PrinterColumn } from './kind.ts'
import {
  boolean,
  digest,
  integer,
  keyedList,
  object,
  optional,
  reference,
  statusOf,
  stringMap,
  text,
  time,
} from './schema.ts'

/** Fields that every kind has whose work is a job on a WorkerPool. None of them changes the result. */
export const runPolicy = {
  workerPoolRef: {
    ...reference({ description: 'WorkerPool whose workers do the work.' }),
    default: { name: 'default' },
  } as ReturnType<typeof reference>,
  suspend: boolean({
    description: 'Stops the work within seconds; a run goes on from its last checkpoint when set back to false.',
    default: false,
  }),
  backoffLimit: integer(0, 100, {
    description: 'How many times failed work is tried again before the run is given up (Stalled).',
    default: 3,
  }),
  activeDeadlineSeconds: optional(
    integer(1, 31_536_000, {
      description:
        'The run is ended when it has been active this long, waiting for a worker included; the clock starts anew on resume.',
    }),
  ),
}

export const ttlSecondsAfterFinished = optional(
  integer(0, 315_360_000, {
    description:
      'The object is deleted this long after it finished, well or badly. Its artifact stays while something refers to it.',
  }),
)

/** Names of runPolicy and of ttlSecondsAfterFinished: what may be edited while a run is on. */
export const runPolicyFields = [...Object.keys(runPolicy), 'ttlSecondsAfterFinished']

export const artifactStatus = object(
  {
    digest: digest({ description: 'Digest of the manifest, which names the digest of every file.' }),
    sizeBytes: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Size of all files.' }),
    reused: boolean({
      description: 'True when a finished artifact with the same inputs was taken instead of working.',
    }),
  },
  { description: 'The artifact of this run in the artifact store.' },
)

const measured = object(
  {
    name: text(64, { description: 'Name of the number.' }),
    value: text(32, { description: 'The number as a decimal.' }),
  },
  { description: 'One number.' },
)

export const progressStatus = object(
  {
    phase: text(64, { description: 'What the worker is doing.' }),
    step: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Steps done.' }),
    totalSteps: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Steps in all, as far as known.' }),
    percent: integer(0, 100, { description: 'Share done.' }),
    estimatedSecondsRemaining: optional(integer(0, 315_360_000, { description: 'Time left at the present speed.' })),
    metrics: optional(keyedList(measured, 'name', 32, { description: 'Latest numbers of the work.' })),
  },
  { description: 'How far the work is; updated every few seconds at most.' },
)

export const workerStatus = object(
  {
    pool: text(253, { description: 'WorkerPool.' }),
    pod: text(253, { description: 'Pod of the worker.' }),
    node: text(253, { description: 'Node of that Pod.' }),
    logCommand: text(1024, { description: 'How to read its log.' }),
  },
  { description: 'Where the work runs or ran last.' },
)

/** Status that every run has: a Dataset counts as one, with one run a revision. */
export const runStatus = <P extends TProperties>(properties: P) =>
  statusOf({
    progress: optional(progressStatus),
    worker: optional(workerStatus),
    artifact: optional(artifactStatus),
    inputDigest: optional(
      digest({
        description:
          'Digest of everything that decides the result: the spec without its run policy, the digests of the inputs, engine version, execution provider and CPU family.',
      }),
    ),
    inputs: optional(
      stringMap(8, 128, {
        description:
          'Digests of the pinned inputs, by role: dataset, tokenizer, model, parent (warm start), reuse (earlier tokenizer), champion, evaluator (held-out reward model).',
      }),
    ),
    engine: optional(
      text(256, { description: 'Engine that inputDigest was computed for: versions, execution provider, CPU family.' }),
    ),
    attempt: optional(
      integer(0, 1_000_000, { description: 'Number of the present attempt, from 1; the job is `<uid>-<attempt>`.' }),
    ),
    pool: optional(text(253, { description: 'WorkerPool whose queue the present attempt was given to.' })),
    failures: optional(integer(0, 1_000_000, { description: 'Failed attempts that count against backoffLimit.' })),
    startToken: optional(
      text(128, {
        description: 'Token of the worker that took the present attempt last; only its result is accepted.',
      }),
    ),
    failure: optional(
      object(
        {
          reason: text(64, { description: 'Reason in one word.' }),
          message: text(4096, { description: 'What happened and what to do.' }),
          final: boolean({ description: 'True when the run was given up.' }),
        },
        { description: 'The last failure, until an attempt succeeds.' },
      ),
    ),
    nextRetryTime: optional(time({ description: 'When failed work is tried again.' })),
    startTime: optional(time({ description: 'When the run first asked for a worker.' })),
    activeTime: optional(time({ description: 'When the run last became active: its start, or its last resume.' })),
    completionTime: optional(time({ description: 'When the run finished.' })),
    lastHandledRetry: optional(text(256, { description: 'Value of the annotation adloom.dev/retry handled last.' })),
    ...properties,
  })

/** Status fields that the life cycle of runs reads and writes, whatever the kind. */
export type RunStatus = Static<ReturnType<typeof runStatus<Record<never, never>>>>

export const stateColumn: PrinterColumn = {
  name: 'State',
  type: 'string',
  jsonPath: '.status.state',
  description: 'Reason of the condition Ready',
}

export const progressColumn: PrinterColumn = {
  name: 'Progress',
  type: 'integer',
  jsonPath: '.status.progress.percent',
  description: 'Percent done',
}

export const messageColumn: PrinterColumn = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].message',
  priority: 1,
}
