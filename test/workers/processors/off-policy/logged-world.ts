// From the files of a log to what an Evaluation concludes from it, by the processors that workers run.

import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatasetSummary, EvaluationSummary, JobKind } from '../../../../crds/jobs.ts'
import { dataset } from '../../../../crds/kinds/dataset.ts'
import { evaluation } from '../../../../crds/kinds/evaluation.ts'
import { tokenizerBuild } from '../../../../crds/kinds/tokenizer-build.ts'
import { trainingRun } from '../../../../crds/kinds/training-run.ts'
import { openFileStore } from '../../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../../workers/artifacts/store.ts'
import type { ProcessorOutcome } from '../../../../workers/processors/context.ts'
import { processors } from '../../../../workers/processors/processors.ts'
import { contextIn, payloadOf, withDefaults } from '../staged/small-world.ts'

/** Files as a Dataset reads them, all of them CSV. */
export interface LogFiles {
  /** Columns user, item, time. */
  readonly clicks: string
  /** Columns item, name, advertiser, bid. */
  readonly ads: string
  /** Columns view, user where it is told, timestamp, item_id, position, click, propensity_score. */
  readonly views: string
}

export interface WorldOptions {
  readonly lists: 'Whole' | 'Entries'
  readonly listLength: number
  readonly hasUsers: boolean
  readonly rewardEpochs: number
}

export interface LoggedWorld {
  /** To be removed afterwards. */
  readonly folder: string
  readonly store: ArtifactStore
  /** Of the Dataset. */
  readonly digest: string
  readonly summary: DatasetSummary
  evaluate(spec: object): Promise<ProcessorOutcome<EvaluationSummary>>
}

const csv = (path: string) => ({ path, format: 'CSV' })

const datasetSpec = (path: string, { lists, hasUsers }: WorldOptions) =>
  withDefaults<object>(dataset.spec, {
    source: { file: { path } },
    interactions: { ...csv('clicks.csv'), columns: { user: 'user', item: 'item', time: 'time' } },
    items: { ...csv('ads.csv'), columns: { id: 'item', text: ['name'] } },
    split: { strategy: 'Temporal', validationPercent: 20, testPercent: 50 },
    advertising: {
      ads: { ...csv('ads.csv'), columns: { id: 'item', item: 'item', advertiser: 'advertiser', bid: 'bid' } },
      requests: {
        ...csv('page-views.csv'),
        columns: { id: 'view', time: 'timestamp', ...(hasUsers ? { user: 'user' } : {}) },
      },
      exposures: {
        ...csv('page-views.csv'),
        columns: {
          request: 'view',
          position: 'position',
          item: 'item_id',
          ad: 'item_id',
          click: 'click',
          propensity: 'propensity_score',
        },
        propensities: 'Marginal',
        lists,
      },
    },
  })

const trainingSpec = ({ listLength, rewardEpochs }: WorldOptions) =>
  withDefaults<object>(trainingRun.spec, {
    datasetRef: { name: 'log' },
    tokenizerRef: { name: 'log' },
    model: {
      architecture: 'EGAV2',
      ...{ layers: 1, hiddenSize: 8, heads: 2, feedForwardSize: 8, historyLength: 3, contentDimensions: 4 },
      ega: {
        listLength,
        historyTokens: 'Summed',
        allocation: 'Cascade',
        bidding: { weights: 'None' },
        paymentRule: 'GSP',
        reward: { hiddenSize: 16, heads: 2, towers: [8], context: 'Pointwise' },
      },
    },
    stages: {
      pretrain: { targets: ['NextItems'] },
      reward: { maxEpochs: rewardEpochs, batchSize: 64, learningRate: '0.01', fold: 'All' },
    },
    optimizer: { batchSize: 32, warmupSteps: 1 },
    maxEpochs: 1,
  })

/** A Dataset of the files, its tokenizer, and a cascade whose click model judges every entry by itself. */
export async function loggedWorld(files: LogFiles, options: WorldOptions): Promise<LoggedWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'adloom-log-'))
  const store = openFileStore(join(folder, 'store'))
  for (const [name, text] of Object.entries({ clicks: files.clicks, ads: files.ads, 'page-views': files.views }))
    await writeFile(join(folder, `${name}.csv`), text)
  const run = async <Summary>(kind: JobKind, spec: object, inputs: Record<string, string>) =>
    (await processors[kind](
      payloadOf(kind, spec, inputs) as never,
      contextIn({ store, folder }),
    )) as ProcessorOutcome<Summary>
  const read = await run<DatasetSummary>('Dataset', datasetSpec(folder, options), {})
  const revision = { dataset: read.artifact.digest }
  const tokenizerSpec = withDefaults<object>(tokenizerBuild.spec, {
    datasetRef: { name: 'log' },
    features: { text: { dimensions: 8, buckets: 256 } },
    levels: 2,
    codebookSize: 8,
    iterations: 5,
  })
  const built = await run('TokenizerBuild', tokenizerSpec, revision)
  const trained = await run('TrainingRun', trainingSpec(options), { ...revision, tokenizer: built.artifact.digest })
  const model = trained.artifact.digest
  return {
    folder,
    store,
    digest: read.artifact.digest,
    summary: read.summary,
    evaluate: (spec) => {
      const wanted = withDefaults<object>(evaluation.spec, {
        model: { digest: model },
        datasetRef: { name: 'log' },
        ranking: 'None',
        bootstrapSamples: 200,
        ...spec,
      })
      return run<EvaluationSummary>('Evaluation', wanted, { ...revision, model })
    },
  }
}

/** Lists over all logged requests of the test part, without an audit of incentives. */
export const wholeTestPart = {
  requests: 1_000_000,
  audit: { maxRequests: 0, minRequests: 1, losersPerRequest: 0, regretStarts: 0 },
}
