import { createHash } from 'node:crypto'
import type { RankerPipelineSpec } from '../../../../crds/kinds/ranker-pipeline.ts'
import type { PipelineStatus } from '../../../../crds/pipeline-status.ts'
import { templateDigest } from '../../../../operator/reconcilers/ranker-pipeline/children.ts'
import type { PipelinePlan } from '../../../../operator/reconcilers/ranker-pipeline/draft.ts'
import { statusFromLedger } from '../../../../operator/reconcilers/ranker-pipeline/ledger.ts'
import type {
  ChildKind,
  PipelineObservation,
  SeenChild,
  SeenFollower,
} from '../../../../operator/reconcilers/ranker-pipeline/observation.ts'
import { planPipeline } from '../../../../operator/reconcilers/ranker-pipeline/plan.ts'
import type { JsonObject } from '../../../../workers/artifacts/store.ts'

export const sha = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

const policy = { workerPoolRef: { name: 'default' }, backoffLimit: 3 }

/** As an API server fills it in, with the templates as small as can be. */
export function specOf(changes: Partial<RankerPipelineSpec> = {}): RankerPipelineSpec {
  const spec = {
    datasetRef: { name: 'logs' },
    triggers: { onDatasetRevision: true, onTemplateChange: true },
    concurrencyPolicy: 'Forbid',
    minimumIntervalSeconds: 0,
    successfulRunsHistoryLimit: 3,
    failedRunsHistoryLimit: 1,
    suspend: false,
    tokenizerTemplate: { levels: 2, ...policy },
    trainingTemplate: { seed: 1, checkpointSteps: 200, ...policy },
    evaluationTemplate: { cutoffs: [5, 10], ...policy },
    warmStart: 'None',
    tokenizer: { policy: 'Rebuild', maxUnseenItemsPercent: 10 },
    promotion: { policy: 'Automatic', requirePassed: true },
    ...changes,
  }
  return spec as unknown as RankerPipelineSpec
}

export const templateWithSeed = (seed: number) =>
  ({ ...specOf().trainingTemplate, seed }) as RankerPipelineSpec['trainingTemplate']

const measured = { name: 'Recall@10', value: '0.2', low: '0.1', high: '0.3' }

/** How the Evaluation of a run ends. */
export interface Verdict {
  passed?: boolean
  /** Of Recall@10 to the champion, with its interval. */
  difference?: [difference: string, low: string, high: string]
}

/** A pipeline, its children, store and ledger, without an API: every look plans, and does what was planned. */
export class World {
  now = Date.parse('2026-03-01T00:00:00Z')
  spec = specOf()
  status: PipelineStatus = { observedGeneration: -1 }
  revision = 'first'
  datasetIsReady = true
  children: SeenChild[] = []
  readonly gone = new Set<string>()
  followers: SeenFollower[] = []
  annotations: PipelineObservation['annotations'] = {}
  popularityPsi: number | undefined
  invalid: string | undefined
  readonly ledger: JsonObject[] = []
  last: PipelinePlan | undefined

  observation(): PipelineObservation {
    const isEmpty = this.status.observedGeneration === -1
    const status = isEmpty ? { ...this.status, ...statusFromLedger(this.ledger, 'ads') } : this.status
    return {
      now: this.now,
      name: 'ads',
      spec: this.spec,
      status,
      annotations: this.annotations,
      dataset: this.datasetIsReady ? { revision: sha(this.revision) } : { message: 'Dataset "logs" is not Ready' },
      template: templateDigest(this.spec),
      children: this.children,
      freeNumber: this.#freeNumber(status.lastRunNumber ?? 0),
      missing: this.gone,
      followers: this.followers,
      ...(this.popularityPsi === undefined ? {} : { popularityPsi: this.popularityPsi }),
      ...(this.invalid === undefined ? {} : { invalid: this.invalid }),
    }
  }

  /** @param until the write after which the operator crashes */
  look(until: 'end' | 'ledger' | 'status' = 'end'): PipelinePlan {
    const plan = planPipeline(this.observation())
    this.last = plan
    for (const action of plan.actions)
      if (action.do === 'ledger') this.ledger.push(structuredClone(action.entry) as unknown as JsonObject)
    if (until === 'ledger') return plan
    this.status = { ...structuredClone(plan.status), observedGeneration: 1 }
    if (until === 'status') return plan
    for (const action of plan.actions) {
      if (action.do === 'apply') this.#apply(action.kind, action.run.name, action.run.number, action.spec)
      if (action.do === 'delete') this.remove(action.kind, action.name)
    }
    return plan
  }

  /** Looks until a look changes nothing; gives how many that took. */
  settle(limit = 10): number {
    for (let looks = 1; looks <= limit; looks++) {
      const before = JSON.stringify([this.status, this.children, this.ledger.length])
      this.look()
      if (JSON.stringify([this.status, this.children, this.ledger.length]) === before) return looks
    }
    throw new Error(`does not settle: ${JSON.stringify(this.last?.actions)} ${JSON.stringify(this.last?.events)}`)
  }

  /** The children of a run work until they are done. */
  finish(name: string, { passed = true, difference }: Verdict = {}): void {
    this.finishTraining(name)
    const training = this.child('TrainingRun', name)
    const [value = '', low = '', high = ''] = difference ?? []
    this.#set('Evaluation', name, {
      state: 'Ready',
      digest: sha(`evaluation ${name}`),
      inputs: { model: training?.digest ?? '' },
      passed,
      message: passed ? 'all gates hold' : 'good: 0.1 < 0.5',
      summary: 'Recall@10 0.2 [0.1, 0.3]',
      metrics: [measured, { ...measured, name: 'PopRec Recall@10' }],
      comparison: difference ? [{ metric: 'Recall@10', difference: value, low, high }] : [],
    })
  }

  finishTraining(name: string): void {
    const dataset = sha(this.revision)
    const seed = JSON.stringify(this.child('TrainingRun', name)?.spec.seed)
    const tokenizer = sha(`tokenizer of ${dataset}`)
    this.#set('TokenizerBuild', name, { state: 'Ready', digest: tokenizer, inputs: { dataset } })
    const model = sha(`model of ${dataset} ${seed}`)
    this.#set('TrainingRun', name, { state: 'Ready', digest: model, inputs: { dataset, tokenizer } })
  }

  stall(kind: ChildKind, name: string): void {
    this.#set(kind, name, { state: 'Stalled', reason: 'BadData', message: 'line 7 is no JSON' })
  }

  child(kind: ChildKind, name: string): SeenChild | undefined {
    return this.children.find((one) => one.kind === kind && one.name === name)
  }

  remove(kind: ChildKind, name: string): void {
    this.children = this.children.filter((one) => one.kind !== kind || one.name !== name)
  }

  removeRun(name: string): void {
    this.children = this.children.filter((one) => one.name !== name)
  }

  /** Of a RankerDeployment that follows: the champion fails online. */
  failOnline(digest: string): void {
    const time = new Date(this.now).toISOString()
    const rejected = [{ digest, reason: 'ErrorRate', message: '5 % of requests failed', time }]
    this.followers = [{ name: 'ranker', rejected, online: {} }]
  }

  pass(seconds: number): void {
    this.now += seconds * 1000
  }

  /** A run from its start to its end. */
  train(verdict: Verdict = {}): string {
    this.settle()
    const run = this.status.runs?.find(({ state }) => state === 'Running')
    if (!run) throw new Error('no run is on')
    this.pass(60)
    this.finish(run.name, verdict)
    this.settle()
    return run.name
  }

  get states(): string[] {
    return (this.status.runs ?? []).map(({ name, state }) => `${name} ${state}`)
  }

  #apply(kind: ChildKind, name: string, run: number, spec: Record<string, unknown> | undefined): void {
    const { suspend, trainingTemplate } = this.spec
    const made = kind === 'TrainingRun' ? { ...trainingTemplate, suspend } : { ...policy, suspend }
    const fields = { spec: spec ?? made }
    if (this.child(kind, name)) this.#set(kind, name, fields)
    else this.children = [...this.children, { ...newChild, kind, name, run, ...fields }]
  }

  #set(kind: ChildKind, name: string, fields: Partial<SeenChild>): void {
    this.children = this.children.map((one) => (one.kind === kind && one.name === name ? { ...one, ...fields } : one))
  }

  #freeNumber(last: number): number {
    return Math.max(last, ...this.children.map(({ run }) => run)) + 1
  }
}

const newChild = {
  deleting: false,
  state: 'Working',
  reason: 'Queued',
  message: 'waits for a worker',
  inputs: {},
  metrics: [],
  comparison: [],
} as const satisfies Partial<SeenChild>

export const withChampion = (): World => {
  const world = new World()
  world.train()
  return world
}

export const withTwo = (): World => {
  const world = withChampion()
  world.revision = 'second'
  world.train()
  return world
}

export const told = (world: World) => world.last?.events.map(({ reason }) => reason)
export const ready = ({ last }: World) => `${last?.readiness.state} ${last?.readiness.reason}`
