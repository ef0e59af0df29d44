import type { PipelineStatus } from '../../crds/pipeline-status.ts'
import type { RunStatus } from '../../crds/run.ts'
import type { ArtifactStore } from '../../workers/artifacts/store.ts'
import type { Clock } from '../cluster/clock.ts'
import type { Log } from '../cluster/log.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { digestsInLedger } from './ranker-pipeline/ledger.ts'

interface Referrer extends KubernetesObject {
  /** The fields of all kinds that name an artifact by its digest. */
  spec?: Partial<Record<'model' | 'champion' | 'warmStart' | 'reuse', { digest?: string }>> & {
    market?: { evaluator?: { digest?: string } }
  }
  status?: RunStatus & PipelineModels & RolloutModels & { revision?: string }
}

interface RolloutModels {
  wantedDigest?: string
  servedDigest?: string
  stableDigest?: string
  canaryDigest?: string
  /** A person may want to go back to one. */
  revisions?: { digest: string }[]
}

type PipelineModels = Pick<PipelineStatus, 'champion' | 'candidate' | 'lineage' | 'rejected' | 'runs'>

export interface ArtifactCollectorOptions {
  store: ArtifactStore
  /** Every object that may refer to an artifact; undefined while that is not known for certain. */
  referrers(): Referrer[] | undefined
  clock: Clock
  log: Log
  periodMs: number
  /** What nobody refers to stays this long, so that what is created again from Git finds it. */
  retentionMs: number
}

/** Removes artifacts and checkpoints that no object refers to any more. */
export class ArtifactCollector {
  readonly #options: ArtifactCollectorOptions
  #cancel: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: ArtifactCollectorOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.clock.after(this.#options.periodMs, () => {
      this.#running = this.collect().finally(() => this.#cancel && this.start())
    })
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    await this.#running
  }

  async collect(): Promise<void> {
    const { store, clock, log, retentionMs } = this.#options
    const referrers = this.#options.referrers()
    if (!referrers) return
    const digests = new Set(referrers.flatMap(referredDigests))
    const active = new Set(referrers.flatMap(activeInput))
    try {
      for (const digest of await this.#digestsInLedgers()) digests.add(digest)
      await this.#addWhatTheyNeed(digests)
      const { artifacts, checkpoints, bytes } = await store.collectGarbage({
        isReferenced: (digest) => digests.has(digest),
        isActiveInput: (namespace, inputDigest) => active.has(`${namespace}/${inputDigest}`),
        olderThan: retentionMs,
        now: clock.now(),
      })
      if (artifacts.length + checkpoints.length > 0) log.info({ artifacts, checkpoints, bytes }, 'Collected artifacts')
    } catch (error) {
      log.error({ err: error }, 'Could not collect artifacts')
    }
  }

  /**
   * A Pod reads users' histories in the Dataset revision of its model, whose run may be long gone. Manifests name what
   * they need, and a Set that grows is walked to its end.
   */
  async #addWhatTheyNeed(digests: Set<string>): Promise<void> {
    for (const digest of digests) {
      const { datasetDigest, tokenizerDigest } = (await this.#options.store.stat(digest))?.manifest.metadata ?? {}
      for (const needed of [datasetDigest, tokenizerDigest]) if (typeof needed === 'string') digests.add(needed)
    }
  }

  /** A champion outlives its cluster: where one is built anew, its pipeline may be the last that is applied. */
  async #digestsInLedgers(): Promise<string[]> {
    const { ledger } = this.#options.store
    const digests: string[] = []
    for (const namespace of await ledger.namespaces()) digests.push(...digestsInLedger(await ledger.read(namespace)))
    return digests
  }
}

/** Inputs count as well: a run that is rebuilt needs them again. */
export function referredDigests({ spec, status }: Referrer): string[] {
  return [
    spec?.model?.digest,
    spec?.champion?.digest,
    spec?.market?.evaluator?.digest,
    spec?.warmStart?.digest,
    spec?.reuse?.digest,
    status?.artifact?.digest,
    status?.revision,
    status?.wantedDigest,
    status?.servedDigest,
    status?.stableDigest,
    status?.canaryDigest,
    ...(status?.revisions ?? []).map(({ digest }) => digest),
    ...Object.values(status?.inputs ?? {}),
    ...pipelineDigests(status ?? {}),
  ].filter((digest) => digest !== undefined)
}

/** A model needs its tokenizer to be served; with its Dataset revision it can be measured anew. */
function pipelineDigests({
  champion,
  candidate,
  lineage = [],
  rejected = [],
  runs = [],
}: PipelineModels): (string | undefined)[] {
  const models = [champion, candidate, ...lineage].flatMap((model) =>
    model ? [model.digest, model.tokenizer, model.dataset, model.evaluation] : [],
  )
  const made = runs.flatMap(({ model, tokenizer, dataset, evaluation }) => [model, tokenizer, dataset, evaluation])
  return [...models, ...made, ...rejected.map(({ digest }) => digest)]
}

function activeInput({ metadata, status }: Referrer): string[] {
  const isOver = status?.completionTime !== undefined && status.activeTime === undefined
  return status?.inputDigest === undefined || isOver ? [] : [`${metadata.namespace}/${status.inputDigest}`]
}
