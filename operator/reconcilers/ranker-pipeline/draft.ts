import type {
  Champion,
  PipelineModel,
  PipelineRun,
  PipelineRunState,
  PipelineStatus,
  PipelineTrigger,
} from '../../../crds/pipeline-status.ts'
import { timestamp } from '../../cluster/clock.ts'
import { type Readiness, truncate } from '../../control/conditions.ts'
import { type LedgerEntry, withChampion, withoutChampion, withoutOlderCandidate, withRejected } from './ledger.ts'
import type { ChildKind, PipelineObservation, SeenChild } from './observation.ts'

export type PipelineAction =
  | { do: 'ledger'; entry: LedgerEntry }
  /** Makes a child of a run from the templates, or gives the one that is there another spec. */
  | { do: 'apply'; kind: ChildKind; run: PipelineRun; spec?: Record<string, unknown> }
  | { do: 'delete'; kind: ChildKind; name: string }
  | { do: 'wake'; kind: string; name: string }

export interface PipelineEvent {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

/** What the metrics count. */
export interface PipelineCounts {
  started: PipelineTrigger[]
  finished: PipelineRunState[]
}

export interface PipelinePlan {
  status: PipelineStatus
  readiness: Readiness
  actions: PipelineAction[]
  events: PipelineEvent[]
  counts: PipelineCounts
  /** When to look again though nothing happened. */
  requeueAfterMs?: number
}

/** A plan in the making: the moves that a pipeline can make, each of which keeps status whole. */
export class Draft {
  readonly seen: PipelineObservation
  readonly #actions: PipelineAction[] = []
  readonly #events: PipelineEvent[] = []
  readonly #counts: PipelineCounts = { started: [], finished: [] }
  #status: PipelineStatus
  #requeueAfterMs = Number.POSITIVE_INFINITY

  constructor(observation: PipelineObservation) {
    this.seen = observation
    this.#status = { ...observation.status }
  }

  get status(): Readonly<PipelineStatus> {
    return this.#status
  }

  get runs(): readonly PipelineRun[] {
    return this.#status.runs ?? []
  }

  /** Runs that are on, the oldest first. */
  get activeRuns(): PipelineRun[] {
    return this.runs.filter(({ state }) => state === 'Running').toReversed()
  }

  get newestRun(): PipelineRun | undefined {
    return this.runs[0]
  }

  /** The champion, as long as the store has it: what cannot be read is nothing to be compared with. */
  get standingChampion(): Champion | undefined {
    const { champion } = this.#status
    return champion && !this.seen.missing.has(champion.digest) ? champion : undefined
  }

  child(kind: ChildKind, run: PipelineRun): SeenChild | undefined {
    return this.seen.children.find((child) => child.kind === kind && child.name === run.name)
  }

  isRejected(digest: string): boolean {
    return this.#status.rejected?.some((one) => one.digest === digest) ?? false
  }

  set(fields: Partial<PipelineStatus>): void {
    this.#status = { ...this.#status, ...fields }
  }

  clear(...names: (keyof PipelineStatus)[]): void {
    const status = { ...this.#status }
    for (const name of names) delete status[name]
    this.#status = status
  }

  act(action: PipelineAction): void {
    this.#actions.push(action)
  }

  tell(type: PipelineEvent['type'], reason: string, message: string): void {
    this.#events.push({ type, reason, message })
  }

  lookAgainAfter(ms: number): void {
    this.#requeueAfterMs = Math.min(this.#requeueAfterMs, Math.max(0, ms))
  }

  addRun(run: PipelineRun, triggers: readonly PipelineTrigger[]): void {
    this.set({ runs: [run, ...this.runs], lastRunNumber: run.number, lastStartTime: run.startTime })
    this.#counts.started.push(...new Set(triggers))
    this.tell('Normal', 'RunStarted', `started ${run.name}: ${run.triggers.join('; ')}`)
  }

  updateRun(run: PipelineRun, fields: Partial<PipelineRun>): PipelineRun {
    const updated = { ...run, ...fields }
    this.set({ runs: this.runs.map((one) => (one.name === run.name ? updated : one)) })
    return updated
  }

  endRun(run: PipelineRun, state: PipelineRunState, message: string): void {
    const cut = truncate(message, 1024)
    const completionTime = run.completionTime ?? timestamp(this.seen.now)
    this.updateRun(run, { state, message: cut, completionTime })
    if (run.state === 'Running') this.#noteEnd(run, state, cut)
    this.#counts.finished.push(state)
    const good = ['Promoted', 'AwaitingApproval', 'Unchanged', 'Superseded', 'Aborted', 'Replaced'].includes(state)
    this.tell(good ? 'Normal' : 'Warning', state === 'Failed' ? 'RunFailed' : state, `${run.name}: ${cut}`)
  }

  #noteEnd({ number, dataset, model }: PipelineRun, state: PipelineRunState, reason: string): void {
    const entry = {
      type: 'Ended' as const,
      pipeline: this.seen.name,
      time: timestamp(this.seen.now),
      run: number,
      state,
      reason,
      ...(dataset === undefined ? {} : { dataset }),
      ...(model === undefined ? {} : { digest: model }),
    }
    this.act({ do: 'ledger', entry })
  }

  /** The entry in the ledger comes before the status: a champion that status names is in the ledger too. */
  promote(model: PipelineModel, reason: string, approvedDigest?: string): void {
    const time = timestamp(this.seen.now)
    const approved = approvedDigest === undefined ? {} : { approvedDigest }
    const because = truncate(reason, 1024)
    const entry = { pipeline: this.seen.name, time, type: 'Promoted' as const, ...plainModel(model), ...approved }
    this.act({ do: 'ledger', entry: { ...entry, reason: because } })
    const promoted = withChampion(this.#status, { ...plainModel(model), reason: because, promotedAt: time })
    this.#replace(withoutOlderCandidate(promoted, model.run))
    const run = this.runs.find(({ number }) => number === model.run)
    if (run && run.state !== 'Promoted') this.endRun(run, 'Promoted', because)
    else this.tell('Normal', 'Promoted', `${model.trainingRun}: ${because}`)
  }

  /** A model that passed waits for a person, also in a cluster that is built anew. */
  nominate(model: PipelineModel): void {
    const time = timestamp(this.seen.now)
    this.act({ do: 'ledger', entry: { type: 'Candidate', pipeline: this.seen.name, time, ...model } })
    this.set({ candidate: model })
  }

  /** No champion, until another one takes over. */
  demote(digest: string, reason: string): void {
    const { name, now } = this.seen
    this.act({ do: 'ledger', entry: { type: 'Demoted', pipeline: name, time: timestamp(now), digest, reason } })
    this.#replace(withoutChampion(this.#status, digest))
    this.tell('Warning', 'Demoted', `${digest}: ${reason}`)
  }

  /** A model that failed online: it is not promoted again by itself. */
  reject(digest: string, reason: string, message: string, time: string): void {
    const rejected = { digest, reason: truncate(reason, 64), message: truncate(message, 1024), time }
    this.act({ do: 'ledger', entry: { type: 'Rejected', pipeline: this.seen.name, ...rejected } })
    this.#replace(withRejected(withoutChampion(this.#status, digest), rejected))
    const run = this.runs.find(({ model }) => model === digest)
    if (run && run.state !== 'Rejected') this.endRun(run, 'Rejected', `failed online: ${reason}: ${message}`)
    else this.tell('Warning', 'Rejected', `${digest} failed online: ${reason}: ${message}`)
  }

  #replace(status: Partial<PipelineStatus>): void {
    this.#status = status as PipelineStatus
  }

  plan(readiness: Readiness): PipelinePlan {
    const after = this.#requeueAfterMs
    return {
      status: this.#status,
      readiness,
      actions: this.#actions,
      events: this.#events,
      counts: this.#counts,
      ...(Number.isFinite(after) ? { requeueAfterMs: after } : {}),
    }
  }
}

/** A champion that steps back is a model like any other. */
function plainModel(model: PipelineModel & { promotedAt?: string }): PipelineModel {
  const { promotedAt: _, ...rest } = model
  return rest
}
