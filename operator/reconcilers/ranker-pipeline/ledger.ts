import type { Champion, PipelineModel, PipelineStatus } from '../../../crds/pipeline-status.ts'
import type { JsonObject } from '../../../workers/artifacts/store.ts'

/** What a pipeline leaves in the ledger: enough to find its champion again in a cluster rebuilt from Git. */
export type LedgerEntry = { pipeline: string; time: string } & (
  | ({ type: 'Promoted' } & PipelineModel & { approvedDigest?: string })
  | { type: 'Rejected'; digest: string; reason: string; message: string }
  | { type: 'Demoted'; digest: string; reason: string }
  | {
      type: 'Scheduled'
      run: number
      dataset: string
      template: string
      reason: string
      schedules: NonNullable<PipelineStatus['lastScheduleTimes']>
      retrain?: string
    }
)

export const lineageLimit = 8
export const rejectedLimit = 10

/** Entries of other pipelines and of a later Adloom are passed over. An entry that was written twice counts once. */
export function statusFromLedger(entries: readonly JsonObject[], pipeline: string): Partial<PipelineStatus> {
  let status: Partial<PipelineStatus> = {}
  for (const entry of entries) {
    if (entry.pipeline === pipeline) status = after(status, entry as unknown as LedgerEntry)
  }
  return status
}

function after(status: Partial<PipelineStatus>, entry: LedgerEntry): Partial<PipelineStatus> {
  switch (entry.type) {
    case 'Promoted': {
      const { type: _, pipeline: __, time, approvedDigest, ...model } = entry
      return {
        ...withChampion(status, { ...model, promotedAt: time }),
        lastRunNumber: Math.max(status.lastRunNumber ?? 0, model.run),
        ...(approvedDigest === undefined ? {} : { lastHandledApproval: approvedDigest }),
      }
    }
    case 'Rejected': {
      const { digest, reason, message, time } = entry
      return withRejected(withoutChampion(status, digest), { digest, reason, message, time })
    }
    case 'Demoted':
      return withoutChampion(status, entry.digest)
    case 'Scheduled': {
      const { run, dataset, template, time, schedules, retrain } = entry
      return {
        ...status,
        lastRunNumber: Math.max(status.lastRunNumber ?? 0, run),
        lastStartTime: time,
        trained: { dataset, template },
        ...(schedules.length ? { lastScheduleTimes: schedules } : {}),
        ...(retrain === undefined ? {} : { lastHandledRetrain: retrain }),
      }
    }
    default:
      return status
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

/** What the ledger of a namespace still needs of the store: the champion of each pipeline, and what can take its place. */
export function digestsInLedger(entries: readonly JsonObject[]): string[] {
  const pipelines = new Set(entries.flatMap(({ pipeline }) => (typeof pipeline === 'string' ? [pipeline] : [])))
  return [...pipelines].flatMap((pipeline) => {
    const { champion, lineage = [] } = statusFromLedger(entries, pipeline)
    return [champion, ...lineage].flatMap((model) => (model ? [model.digest, model.tokenizer, model.dataset] : []))
  })
}
