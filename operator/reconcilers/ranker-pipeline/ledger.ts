import type { Champion, PipelineModel, PipelineRunState, PipelineStatus } from '../../../crds/pipeline-status.ts'
import type { JsonObject } from '../../../workers/artifacts/store.ts'

/** What a pipeline leaves in the ledger: enough to find its champion again in a cluster rebuilt from Git. */
export type LedgerEntry = { pipeline: string; time: string } & (
  | ({ type: 'Promoted' } & PipelineModel & { approvedDigest?: string })
  /** A model that passed and waits for a person. */
  | ({ type: 'Candidate' } & PipelineModel)
  | { type: 'Rejected'; digest: string; reason: string; message: string }
  | { type: 'Demoted'; digest: string; reason: string }
  /** A run was started: counted only once it has ended, so that one that was lost with its cluster is made good. */
  | {
      type: 'Scheduled'
      run: number
      dataset: string
      template: string
      reason: string
      schedules: NonNullable<PipelineStatus['lastScheduleTimes']>
      retrain?: string
    }
  /** A run came to an end, well or badly. */
  | { type: 'Ended'; run: number; state: PipelineRunState; reason: string; dataset?: string; digest?: string }
)

export const lineageLimit = 8
export const rejectedLimit = 10

type Started = Extract<LedgerEntry, { type: 'Scheduled' }>

/** Entries of other pipelines and of a later Adloom are passed over. An entry that was written twice counts once. */
export function statusFromLedger(entries: readonly JsonObject[], pipeline: string): Partial<PipelineStatus> {
  let status: Partial<PipelineStatus> = {}
  const started = new Map<number, Started>()
  for (const json of entries) {
    if (json.pipeline !== pipeline) continue
    const entry = json as unknown as LedgerEntry
    if (entry.type === 'Scheduled') started.set(entry.run, entry)
    else status = after(status, entry, started)
  }
  return status
}

function after(
  status: Partial<PipelineStatus>,
  entry: LedgerEntry,
  started: ReadonlyMap<number, Started>,
): Partial<PipelineStatus> {
  switch (entry.type) {
    case 'Promoted': {
      const { type: _, pipeline: __, time, approvedDigest, ...model } = entry
      const ended = withEnded(status, model.run, model.dataset, started.get(model.run))
      const promoted = withoutOlderCandidate(withChampion(ended, { ...model, promotedAt: time }), model.run)
      return approvedDigest === undefined ? promoted : { ...promoted, lastHandledApproval: approvedDigest }
    }
    case 'Candidate': {
      const { type: _, pipeline: __, time: ___, ...candidate } = entry
      return { ...withEnded(status, candidate.run, candidate.dataset, started.get(candidate.run)), candidate }
    }
    case 'Rejected': {
      const { digest, reason, message, time } = entry
      return withRejected(withoutChampion(status, digest), { digest, reason, message, time })
    }
    case 'Demoted':
      return withoutChampion(status, entry.digest)
    case 'Ended':
      // Neither has said its last word by that. A candidate has an entry of its own; without it, and where another
      // comparison is due, the run is made again, and finds everything that it made.
      if (entry.state === 'AwaitingApproval' || entry.state === 'Outdated') return status
      return withEnded(status, entry.run, entry.dataset, started.get(entry.run))
    default:
      return status
  }
}

/** What the newest run that ended was started for, and when. */
function withEnded(
  status: Partial<PipelineStatus>,
  run: number,
  dataset: string | undefined,
  start: Started | undefined,
): Partial<PipelineStatus> {
  if (!start || run < (status.lastRunNumber ?? 0)) return status
  const { schedules, retrain, template, time } = start
  return {
    ...status,
    lastRunNumber: run,
    lastStartTime: time,
    trained: { dataset: dataset ?? start.dataset, template },
    ...(schedules.length ? { lastScheduleTimes: schedules } : {}),
    ...(retrain === undefined ? {} : { lastHandledRetrain: retrain }),
  }
}

/** The new champion; the one before becomes the first of the lineage. Whoever promotes it has forgiven it. */
export function withChampion(status: Partial<PipelineStatus>, champion: Champion): Partial<PipelineStatus> {
  const { rejected = [], ...others } = status
  const left = rejected.filter(({ digest }) => digest !== champion.digest)
  const forgiving = left.length ? { ...others, rejected: left } : others
  const before = status.champion?.digest === champion.digest ? [] : [status.champion ?? []].flat()
  const lineage = [...before, ...(status.lineage ?? []).filter(({ digest }) => digest !== champion.digest)]
  return withLineage({ ...forgiving, champion }, lineage)
}

/** Whoever promotes a model has decided about those before it. */
export function withoutOlderCandidate(status: Partial<PipelineStatus>, run: number): Partial<PipelineStatus> {
  const { candidate, ...rest } = status
  return candidate && candidate.run <= run ? rest : status
}

/** No champion; the one that was goes to the lineage, as a person may ask for it again. */
export function withoutChampion(status: Partial<PipelineStatus>, digest: string): Partial<PipelineStatus> {
  const { champion, ...rest } = status
  if (champion?.digest !== digest) return status
  return withLineage(rest, [champion, ...(status.lineage ?? [])])
}

function withLineage(status: Partial<PipelineStatus>, lineage: readonly Champion[]): Partial<PipelineStatus> {
  const { lineage: _, ...rest } = status
  return lineage.length ? { ...rest, lineage: lineage.slice(0, lineageLimit) } : rest
}

type Rejected = NonNullable<PipelineStatus['rejected']>[number]

export function withRejected(status: Partial<PipelineStatus>, rejected: Rejected): Partial<PipelineStatus> {
  const others = (status.rejected ?? []).filter(({ digest }) => digest !== rejected.digest)
  return { ...status, rejected: [rejected, ...others].slice(0, rejectedLimit) }
}

/**
 * What the ledger of a namespace still needs of the store: the champion of each pipeline, what can take its place, and
 * what waits to.
 */
export function digestsInLedger(entries: readonly JsonObject[]): string[] {
  const pipelines = new Set(entries.flatMap(({ pipeline }) => (typeof pipeline === 'string' ? [pipeline] : [])))
  return [...pipelines].flatMap((pipeline) => {
    const { champion, candidate, lineage = [] } = statusFromLedger(entries, pipeline)
    return [champion, candidate, ...lineage].flatMap((model) =>
      model ? [model.digest, model.tokenizer, model.dataset] : [],
    )
  })
}
