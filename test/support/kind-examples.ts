/** A spec that the server accepts, and ways to change it. */
export interface KindExample {
  spec: Record<string, unknown>
  /** Fields that replace those of `spec`, and what a rule says to the result. */
  refused: { change: Record<string, unknown>; message: string }[]
  /** As above, on the right side of a rule, often just on it. */
  accepted: Record<string, unknown>[]
  /** Another value for each field that must not change once the run has started. */
  other?: Record<string, unknown>
}

const digest = `sha256:${'0'.repeat(64)}`
const file = { file: { path: '/data' } }
const s3 = { s3: { uri: 's3://logs/ads/v1=2' } }
const columns = { user: 'user', item: 'item', time: 'time' }
const jsonLines = { path: 'logs/*.jsonl', format: 'JSONLines', columns }
const sequenceLines = { path: 'sequences.txt', format: 'SequenceLines' }
const csvItems = { path: 'items.csv', format: 'CSV', columns: { id: 'id' } }
const temporal = (validationPercent: number, testPercent: number) => ({
  split: { strategy: 'Temporal', validationPercent, testPercent },
})
const gate = (fields: Record<string, unknown>) => ({ gates: [{ name: 'gate', metric: 'Recall@10', ...fields }] })

const eitherModel = 'give exactly one of trainingRunRef and digest'
const refusedModels = [
  { change: { model: {} }, message: eitherModel },
  { change: { model: { trainingRunRef: { name: 'run' }, digest } }, message: eitherModel },
]

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
    ],
    accepted: [
      { source: { simulation: {} }, interactions: undefined },
      { source: s3, items: csvItems, pollPeriodSeconds: 60 },
      { interactions: sequenceLines, items: { ...csvItems, delimiter: ';' } },
      { interactions: { ...jsonLines, format: 'CSV', delimiter: '\t' }, pollPeriodSeconds: 60 },
      { items: { ...csvItems, format: 'Parquet', columns: { id: 'id', embedding: 'e' } } },
      temporal(50, 30),
    ],
  },
  TokenizerBuild: {
    spec: { datasetRef: { name: 'dataset' } },
    refused: [{ change: { features: {} }, message: 'give at least one of text, collaborative and embedding' }],
    accepted: [{ features: { embedding: {} } }, { features: { text: {}, collaborative: {}, embedding: {} } }],
    other: {
      datasetRef: { name: 'other' },
      features: { embedding: {} },
      levels: 3,
      codebookSize: 64,
      iterations: 31,
      collisions: 'AppendLevel',
      seed: 2,
    },
  },
  TrainingRun: {
    spec: { datasetRef: { name: 'dataset' }, tokenizerRef: { name: 'tokenizer' } },
    refused: [
      { change: { model: { hiddenSize: 30, heads: 4 } }, message: 'hiddenSize must be a multiple of heads' },
      { change: { model: { dropout: '1' } }, message: 'dropout must be below 1' },
      { change: { optimizer: { labelSmoothing: '1.0' } }, message: 'labelSmoothing must be below 1' },
    ],
    accepted: [{ model: { hiddenSize: 32, heads: 4, dropout: '0.999' } }, { optimizer: { labelSmoothing: '0.99' } }],
    other: {
      datasetRef: { name: 'other' },
      tokenizerRef: { name: 'other' },
      model: { layers: 3 },
      optimizer: { batchSize: 64 },
      maxEpochs: 21,
      earlyStopping: { patienceEpochs: 4 },
      seed: 2,
    },
  },
  Evaluation: {
    spec: { model: { trainingRunRef: { name: 'run' } }, datasetRef: { name: 'dataset' } },
    refused: [
      ...refusedModels,
      { change: gate({}), message: 'give at least one of min, max and minRelativeToBaseline' },
      { change: gate({ min: '0.2', max: '0.1' }), message: 'min must not exceed max' },
      {
        change: { gates: [{ name: 'gate', metric: 'Recall@20', min: '0' }] },
        message: 'the cutoff of every gate must be among cutoffs',
      },
      {
        change: gate({ minRelativeToBaseline: { baseline: 'ItemCF', value: '0' } }),
        message: 'the baseline of every gate must be among baselines',
      },
    ],
    accepted: [
      { model: { digest } },
      gate({ min: '-0.5', max: '-0.5' }),
      { cutoffs: [1, 1000], gates: [{ name: 'gate', metric: 'NDCG@1000', min: '0' }] },
      { baselines: ['ItemCF'], ...gate({ minRelativeToBaseline: { baseline: 'ItemCF', value: '0.1' } }) },
    ],
    other: {
      model: { digest },
      datasetRef: { name: 'other' },
      split: 'Validation',
      cutoffs: [10],
      beamSize: 51,
      baselines: ['ItemCF'],
      bootstrapSamples: 1001,
      seed: 2,
      gates: [{ name: 'gate', metric: 'Recall@10', min: '0' }],
    },
  },
  RankerDeployment: {
    spec: { model: { trainingRunRef: { name: 'run' } } },
    refused: refusedModels,
    accepted: [{ model: { digest }, evaluationRef: { name: 'evaluation' } }],
  },
}
