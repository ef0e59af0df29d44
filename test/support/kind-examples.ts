import { digest, type KindExample, refusedModelsIn } from './kind-example.ts'
import { rankerDeploymentExample } from './ranker-deployment-example.ts'
import { ega, oneRanker, trainingRunExample } from './training-run-example.ts'

const file = { file: { path: '/data' } }
const s3 = { s3: { uri: 's3://logs/ads/v1=2' } }
const columns = { user: 'user', item: 'item', time: 'time' }
const jsonLines = { path: 'logs/*.jsonl', format: 'JSONLines', columns }
const sequenceLines = { path: 'sequences.txt', format: 'SequenceLines' }
const csvItems = { path: 'items.csv', format: 'CSV', columns: { id: 'id' } }
const csvAds = { path: 'ads.csv', format: 'CSV', columns: { id: 'id', item: 'item', advertiser: 'brand' } }
const requests = { path: 'requests.jsonl', format: 'JSONLines', columns: { id: 'id', time: 'time' } }
const exposures = {
  path: 'shown.parquet',
  format: 'Parquet',
  columns: { request: 'request', position: 'slot', item: 'item', click: 'click' },
}
const weighed = { ...exposures, columns: { ...exposures.columns, propensity: 'p' } }
/** Tables of ads with these beside the ads themselves. */
const tables = (more: object) => ({ advertising: { ads: csvAds, ...more } })
const market = (simulation: object) => ({ advertising: { simulation } })
const temporal = (validationPercent: number, testPercent: number) => ({
  split: { strategy: 'Temporal', validationPercent, testPercent },
})
const gate = (fields: Record<string, unknown>) => ({ gates: [{ name: 'gate', metric: 'Recall@10', ...fields }] })

const marketGate = (metric: string, spec: Record<string, unknown>, fields: Record<string, unknown> = { min: '0' }) => ({
  ...spec,
  gates: [{ name: 'gate', metric, ...fields }],
})

const atLeastBaseline = { minRelativeToBaseline: { baseline: 'PopRec', value: '0' } }

const eitherTokenizer = 'give exactly one of tokenizerRef and digest'

const runExamples = {
  TokenizerBuild: 'tokenizerTemplate',
  TrainingRun: 'trainingTemplate',
  Evaluation: 'evaluationTemplate',
} as const

/** What a kind of run refuses, a template of it refuses too: all but what the pipeline itself fills in. */
/** References that a pipeline fills in itself. */
const filledIn = ['model', 'warmStart', 'reuse', 'champion']

const refusedTemplates = (): KindExample['refused'] =>
  Object.entries(runExamples).flatMap(([kind, template]) =>
    (kindExamples[kind]?.refused ?? [])
      .filter(({ change }) => !filledIn.some((field) => digestIn(change[field])))
      .filter(
        ({ change, message }) => !message.includes('exactly one of') || !filledIn.some((field) => field in change),
      )
      .filter(({ message }) => !message.includes('needs champion'))
      .map(({ change, message }) => ({ change: { [template]: change }, message })),
  )

const digestIn = (value: unknown): boolean => JSON.stringify(value ?? {}).includes('sha256:')

const difference = (metric: string, cutoffs: number[]) => ({
  promotion: { minimumDifferences: [{ metric, value: '-0.01' }] },
  evaluationTemplate: { cutoffs },
})

/** One for each kind; every CEL rule of the kind has at least one change that it refuses. */
export const kindExamples: Record<string, KindExample> = {
  WorkerPool: {
    spec: { minReplicas: 1, maxReplicas: 2 },
    refused: [{ change: { minReplicas: 3 }, message: 'minReplicas must not exceed maxReplicas' }],
    accepted: [{ minReplicas: 2 }, { minReplicas: 0, maxReplicas: 0 }],
  },
  Dataset: {
    spec: { source: file, interactions: jsonLines },
    refused: [
      { change: { source: { ...file, simulation: {} } }, message: 'give exactly one of file, s3 and simulation' },
      { change: { source: { ...file, ...s3 } }, message: 'give exactly one of file, s3 and simulation' },
      { change: { source: {} }, message: 'give exactly one of file, s3 and simulation' },
      { change: { interactions: undefined }, message: 'interactions are needed with source.file and source.s3' },
      { change: { source: s3, interactions: undefined }, message: 'interactions are needed with source.file' },
      { change: { source: { simulation: {} } }, message: 'interactions are needed with source.file and source.s3' },
      {
        change: { source: { simulation: {} }, interactions: undefined, items: csvItems },
        message: 'items do not go with a simulation',
      },
      { change: { interactions: { ...sequenceLines, columns } }, message: 'columns are needed for JSONLines' },
      { change: { interactions: { ...jsonLines, columns: undefined } }, message: 'columns are needed for JSONLines' },
      { change: { interactions: { ...jsonLines, delimiter: ';' } }, message: 'delimiter goes with format CSV only' },
      {
        change: { items: { ...csvItems, format: 'Parquet', delimiter: ';' } },
        message: 'delimiter goes with format CSV only',
      },
      { change: { items: { ...csvItems, columns: { id: 'id', embedding: 'e' } } }, message: 'an embedding is a list' },
      { change: { split: { strategy: 'Temporal', testPercent: 10 } }, message: 'are needed with strategy Temporal' },
      { change: { split: { testPercent: 10 } }, message: 'are needed with strategy Temporal' },
      { change: temporal(50, 31), message: 'must leave at least 20 percent for training' },
      { change: { interactions: sequenceLines, ...temporal(10, 10) }, message: 'SequenceLines have no times' },
      {
        change: { source: { simulation: {} }, interactions: undefined, pollPeriodSeconds: 60 },
        message: 'a simulation never changes',
      },
      { change: { advertising: {} }, message: 'give either ads, with any of the other tables, or a simulation' },
      { change: tables({ simulation: {} }), message: 'give either ads, with any of the other tables, or a simulation' },
      { change: { advertising: { simulation: {}, requests } }, message: 'a simulation draws all tables itself' },
      { change: tables({ exposures }), message: 'exposures are those of requests; give requests too' },
      {
        change: { source: { simulation: {} }, interactions: undefined, ...tables({}) },
        message: 'a simulated source has no files of ads',
      },
      {
        change: { ...temporal(10, 10), ...tables({ requests: { ...requests, columns: { id: 'id' } } }) },
        message: 'a Temporal split needs times',
      },
      {
        change: tables({ requests: { ...requests, delimiter: ';' } }),
        message: 'delimiter goes with format CSV only',
      },
      ...['organic', 'ads'].map((list) => ({
        change: tables({ requests: { ...requests, format: 'CSV', columns: { id: 'id', [list]: 'list' } } }),
        message: `columns.${list} holds a list, which CSV cannot`,
      })),
      {
        change: tables({ creatives: { ...csvItems, columns: { id: 'id', item: 'item', embedding: 'e' } } }),
        message: 'columns.embedding holds a list, which CSV cannot',
      },
      {
        change: tables({ requests: { ...requests, columns: { id: 'id', bids: 'bids' } } }),
        message: 'columns.bids are those of columns.ads',
      },
      {
        change: tables({
          requests,
          exposures: { ...exposures, columns: { ...exposures.columns, conversionValue: 'paid' } },
        }),
        message: 'columns.conversionValue needs columns.conversion',
      },
      {
        change: tables({ requests, exposures: { ...exposures, propensities: 'GivenBefore' } }),
        message: 'propensities says what columns.propensity means',
      },
      {
        change: tables({ requests, exposures: { ...weighed, propensities: 'GivenBefore', lists: 'Entries' } }),
        message: 'propensities GivenBefore multiply down a list',
      },
      { change: market({ bids: { strategy: 'Shaded' } }), message: 'shadePercent is needed with strategy Shaded' },
      { change: market({ bids: { shadePercent: 10 } }), message: 'shadePercent is needed with strategy Shaded' },
      { change: market({ bids: { strategy: 'PriceQuantiles' } }), message: 'prices are needed with strategy' },
      { change: market({ bids: { prices: ['1', '2'] } }), message: 'prices are needed with strategy' },
      {
        change: market({ conversions: { minPercent: 20 } }),
        message: 'minPercent must not be above maxPercent',
      },
      { change: market({ loggingPolicy: { temperature: '0.0' } }), message: 'temperature must be above 0' },
    ],
    accepted: [
      { source: { simulation: {} }, interactions: undefined },
      { source: s3, items: csvItems, pollPeriodSeconds: 60 },
      { interactions: sequenceLines, items: { ...csvItems, delimiter: ';' } },
      { interactions: { ...jsonLines, format: 'CSV', delimiter: '\t' }, pollPeriodSeconds: 60 },
      { items: { ...csvItems, format: 'Parquet', columns: { id: 'id', embedding: 'e' } } },
      temporal(50, 30),
      tables({}),
      tables({ advertisers: { ...csvItems, columns: { id: 'id', budget: 'budget' } }, requests, exposures }),
      tables({ requests, exposures: { ...weighed, propensities: 'Marginal', lists: 'Entries' } }),
      tables({ requests, exposures: { ...weighed, propensities: 'GivenBefore', lists: 'Whole' } }),
      tables({ requests, exposures: { ...weighed, lists: 'Entries' } }),
      { ...temporal(10, 10), ...tables({ requests }) },
      market({}),
      {
        source: { simulation: {} },
        interactions: undefined,
        ...market({ maxUsers: 1, bids: { strategy: 'Truthful' } }),
      },
      market({ bids: { strategy: 'Shaded', shadePercent: 20 }, loggingPolicy: { temperature: '0.05' } }),
      market({ bids: { strategy: 'PriceQuantiles', prices: ['1', '2.5'] }, conversions: { minPercent: 10 } }),
    ],
  },
  TokenizerBuild: {
    spec: { datasetRef: { name: 'dataset' } },
    refused: [
      { change: { features: {} }, message: 'give at least one of text, collaborative and embedding' },
      { change: { rqvae: {} }, message: 'rqvae goes with algorithm RQVAE only' },
      { change: { creatives: { rqvae: {} } }, message: 'rqvae goes with algorithm RQVAE only' },
      {
        change: { algorithm: 'RQVAE', rqKMeansPlus: {} },
        message: 'rqKMeansPlus goes with algorithm RQKMeansPlus only',
      },
      {
        change: { creatives: { rqKMeansPlus: {} } },
        message: 'rqKMeansPlus goes with algorithm RQKMeansPlus only',
      },
      { change: { creatives: { features: {} } }, message: 'give at least one of text and embedding' },
      { change: { reuse: {} }, message: eitherTokenizer },
      { change: { reuse: { tokenizerRef: { name: 'earlier' }, digest } }, message: eitherTokenizer },
    ],
    accepted: [
      { features: { embedding: {} } },
      { features: { text: {}, collaborative: {}, embedding: {} } },
      { algorithm: 'RQVAE' },
      { algorithm: 'RQVAE', rqvae: { hidden: [], commitment: '0', standardize: false } },
      { algorithm: 'RQKMeansPlus' },
      { algorithm: 'RQKMeansPlus', rqKMeansPlus: { hidden: [], commitment: '0', resetEpochs: 0 } },
      { creatives: {} },
      { creatives: { algorithm: 'RQKMeansPlus', rqKMeansPlus: { epochs: 10 } } },
      { creatives: { features: { embedding: {} }, algorithm: 'RQVAE', rqvae: { epochs: 10 } } },
      { reuse: { tokenizerRef: { name: 'earlier' } } },
      { reuse: { digest, maxUnseenItemsPercent: 0 } },
    ],
    other: {
      datasetRef: { name: 'other' },
      features: { embedding: {} },
      algorithm: 'RQVAE',
      rqvae: {},
      rqKMeansPlus: {},
      creatives: {},
      levels: 2,
      codebookSize: 64,
      iterations: 31,
      collisions: 'Reassign',
      seed: 2,
      reuse: { digest },
    },
  },
  TrainingRun: trainingRunExample,
  Evaluation: {
    spec: { model: { trainingRunRef: { name: 'run' } }, datasetRef: { name: 'dataset' } },
    refused: [
      ...refusedModelsIn('model'),
      ...refusedModelsIn('champion'),
      { change: gate({}), message: 'give at least one of min, max, minRelativeToBaseline and' },
      { change: gate({ min: '0.2', max: '0.1' }), message: 'min must not exceed max' },
      {
        change: { gates: [{ name: 'gate', metric: 'Recall@20', min: '0' }] },
        message: 'the cutoff of every gate must be among cutoffs',
      },
      {
        change: gate({ minRelativeToBaseline: { baseline: 'ItemCF', value: '0' } }),
        message: 'the baseline of every gate must be among baselines',
      },
      {
        change: gate({ minDifferenceToChampion: '0' }),
        message: 'a gate with minDifferenceToChampion needs champion',
      },
      { change: { ranking: 'None' }, message: 'with ranking None there must be market or sampledLists' },
      { change: { offPolicy: {} }, message: 'offPolicy needs market' },
      { change: { ranking: 'None', market: {}, ...gate({ min: '0' }) }, message: 'needs ranking Full' },
      { change: marketGate('Truth/RPM', {}), message: 'a gate on a metric of the marketplace needs market' },
      { change: marketGate('OffPolicy/DR', { market: {} }), message: 'a gate on OffPolicy needs offPolicy' },
      { change: marketGate('HeldOut/RPM', { market: {} }), message: 'a gate on HeldOut needs market.evaluator' },
      {
        change: marketGate('Truth/RPM', { market: {} }, atLeastBaseline),
        message: 'a gate with minRelativeToBaseline is one on Recall or NDCG',
      },
      { change: marketGate('Sampled/HR@5', {}), message: 'a gate on Sampled or Consistency needs sampledLists' },
      {
        change: marketGate('Sampled/HR@20', { sampledLists: {} }),
        message: 'the cutoff of every gate must be among cutoffs, those of sampledLists where it is on sampled lists',
      },
      {
        change: marketGate('Sampled/ECPM-Quantile-NDCG@5', { sampledLists: { graded: {} } }),
        message: 'a gate on an NDCG by eCPM needs sampledLists.graded with its gain',
      },
      {
        change: marketGate('Consistency/Overlap@5', { sampledLists: {} }, atLeastBaseline),
        message: 'a gate with minRelativeToBaseline is one on Recall or NDCG, or on Sampled',
      },
      { change: { sampledLists: { negatives: 'Request' } }, message: 'negatives Request needs targets Click' },
      { change: { sampledLists: { listSize: 10 } }, message: 'no cutoff may exceed listSize' },
      {
        change: { market: { evaluator: { digest } }, sampledLists: { graded: { evaluator: { digest } } } },
        message: 'name the evaluator once',
      },
      {
        change: { market: { audit: { maxRequests: 10 } } },
        message: 'minRequests must not exceed maxRequests',
      },
      {
        change: { market: { audit: { searchRequests: 10 } } },
        message: 'searchRequests needs regretStarts above 0',
      },
      {
        change: { market: { alpha: '0', beta: '0.0' } },
        message: 'alpha and beta must not both be 0: no bid would weigh anything; set one of them above 0',
      },
      { change: { market: { evaluator: {} } }, message: 'give exactly one of trainingRunRef and digest' },
    ],
    accepted: [
      { model: { digest } },
      { market: {}, ranking: 'None' },
      { market: { alpha: '0', beta: '0.1' } },
      { market: { alpha: '0' } },
      { market: { audit: { maxRequests: 0 }, bids: 'BestResponse' }, offPolicy: { clip: '10' } },
      { market: { audit: { regretStarts: 4, searchRequests: 10, bidder: 'Advertiser' } } },
      marketGate('HeldOut/Psi', { market: { evaluator: { digest } } }, { max: '0.027' }),
      marketGate('OffPolicy/DR', { market: {}, offPolicy: {} }),
      { market: { budgets: {} } },
      { market: { budgets: { pacing: 'Multiplicative' } } },
      marketGate(
        'Truth/SearchPsi',
        { market: { reserves: { reservePrice: '0.2', slotReserves: ['1', '0.5'] } } },
        { max: '1' },
      ),
      { ranking: 'None', sampledLists: { targets: 'Click', negatives: 'Request', listSize: 15, lists: 1000 } },
      marketGate('Sampled/NDCG@15', { sampledLists: {} }, atLeastBaseline),
      marketGate('Sampled/ECPM-RankNormalised-NDCG@1', { sampledLists: { graded: { evaluator: { digest } } } }),
      marketGate('Consistency/RankDifferenceIQR', { sampledLists: {}, ranking: 'None' }, { max: '8' }),
      { champion: { digest }, ...gate({ minDifferenceToChampion: '-0.001' }) },
      gate({ min: '-0.5', max: '-0.5' }),
      { cutoffs: [1, 1000], gates: [{ name: 'gate', metric: 'NDCG@1000', min: '0' }] },
      { baselines: ['ItemCF'], ...gate({ minRelativeToBaseline: { baseline: 'ItemCF', value: '0.1' } }) },
    ],
    other: {
      model: { digest },
      datasetRef: { name: 'other' },
      champion: { digest },
      split: 'Validation',
      cutoffs: [10],
      beamSize: 51,
      baselines: ['ItemCF'],
      bootstrapSamples: 1001,
      seed: 2,
      ranking: 'None',
      sampledLists: {},
      market: { requests: 10 },
      offPolicy: {},
      gates: [{ name: 'gate', metric: 'Recall@10', min: '0' }],
    },
  },
  RankerDeployment: rankerDeploymentExample,
  RankerPipeline: {
    spec: { datasetRef: { name: 'dataset' } },
    get refused() {
      return [
        ...refusedTemplates(),
        {
          change: { triggers: { drift: { itemPopularity: { maxPsi: '0.2' } } } },
          message: 'set onDatasetRevision to false',
        },
        {
          change: { triggers: { drift: { onlineMetrics: [{ metric: 'ctr' }] } } },
          message: 'give at least one of min and max',
        },
        {
          change: { promotion: { approvedDigest: digest } },
          message: 'approvedDigest goes with policy Manual only',
        },
        {
          change: difference('Recall@20', [5, 10]),
          message: 'the cutoff of every minimum difference must be among evaluationTemplate.cutoffs',
        },
        {
          change: difference('Sampled/HR@5', [5, 10]),
          message: 'the cutoff of every minimum difference must be among evaluationTemplate.cutoffs',
        },
        {
          change: { warmStart: 'Champion', trainingTemplate: ega({ pretrain: {}, reward: {} }) },
          message: 'architectures EGAV2 and OneRanker start from their own stages; set warmStart to None',
        },
        {
          change: { trainingTemplate: oneRanker({ reward: {}, ranking: {} }) },
          message: 'ranking needs pretrain before it, or order Joint',
        },
      ]
    },
    accepted: [
      { promotion: { policy: 'Manual', approvedDigest: digest } },
      {
        triggers: { onDatasetRevision: false, drift: { itemPopularity: { maxPsi: '0.2' }, scores: { maxPsi: '0.1' } } },
      },
      { triggers: { drift: { onlineMetrics: [{ metric: 'ctr', min: '0.01' }] } } },
      { triggers: { schedules: [{ name: 'nightly', cron: '30 3 * * 1-5', timeZone: 'America/Argentina/Ushuaia' }] } },
      { triggers: { schedules: [{ name: 'weekly', cron: '@weekly' }] }, startingDeadlineSeconds: 600 },
      difference('NDCG@20', [20]),
      difference('Truth/RPM', [20]),
      { warmStart: 'Champion', tokenizer: { policy: 'ReuseChampion', maxUnseenItemsPercent: 0 } },
      { trainingTemplate: ega({ pretrain: {}, reward: {}, payment: {} }) },
      { trainingTemplate: oneRanker({ pretrain: {}, reward: {}, ranking: {}, payment: {} }) },
    ],
  },
}
