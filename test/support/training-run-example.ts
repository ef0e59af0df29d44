import { digest, type KindExample, refusedModelsIn } from './kind-example.ts'

/** A run of EGA-V2 that has these stages, and these parts of its model. */
export const ega = (stages: object, parts: object = {}) => ({ model: { architecture: 'EGAV2', ega: parts }, stages })

export const trainingRunExample: KindExample = {
  spec: { datasetRef: { name: 'dataset' }, tokenizerRef: { name: 'tokenizer' } },
  refused: [
    { change: { model: { hiddenSize: 30, heads: 4 } }, message: 'hiddenSize must be a multiple of heads' },
    { change: { model: { dropout: '1' } }, message: 'dropout must be below 1' },
    { change: { optimizer: { labelSmoothing: '1.0' } }, message: 'labelSmoothing must be below 1' },
    { change: { model: { ega: {} } }, message: 'ega is needed with architecture EGAV2, and goes with it only' },
    {
      change: { model: { architecture: 'EGAV2' }, stages: { reward: {} } },
      message: 'ega is needed with architecture EGAV2, and goes with it only',
    },
    { change: { stages: { reward: {} } }, message: 'stages are needed with architecture EGAV2, and go with it only' },
    {
      change: { ...ega({}), stages: undefined },
      message: 'stages are needed with architecture EGAV2, and go with it only',
    },
    {
      change: { ...ega({ pretrain: {}, reward: {} }), warmStart: { digest } },
      message: 'a run of architecture EGAV2 starts from its own stages; leave out warmStart',
    },
    { change: ega({}), message: 'give at least one of pretrain and reward' },
    { change: ega({ pretrain: {}, allocation: {} }), message: 'allocation needs pretrain and reward before it' },
    { change: ega({ reward: {}, payment: {} }), message: 'payment needs pretrain and reward before it' },
    {
      change: ega({ pretrain: {}, reward: {}, order: 'Joint' }),
      message: 'order Joint needs pretrain, reward and payment',
    },
    {
      change: ega({ reward: {} }, { bidding: { alpha: '0.0', beta: '0' } }),
      message: 'alpha and beta must not both be 0',
    },
    {
      change: ega({ reward: {} }, { reward: { hiddenSize: 30, heads: 4 } }),
      message: 'hiddenSize must be a multiple of heads',
    },
    ...refusedModelsIn('warmStart'),
  ],
  accepted: [
    { model: { hiddenSize: 32, heads: 4, dropout: '0.999' } },
    { optimizer: { labelSmoothing: '0.99' } },
    { warmStart: { trainingRunRef: { name: 'parent' } } },
    { warmStart: { digest } },
    ega({ reward: {} }),
    ega({ pretrain: { targets: ['Exposed', 'NextItems'] } }, { bidding: { alpha: '0' } }),
    ega({ pretrain: {}, reward: { fold: 'Second' }, allocation: { trained: 'Full' }, payment: {} }),
    ega({ pretrain: {}, reward: {}, payment: {}, order: 'Joint' }, { constraints: { maxAds: 0 } }),
  ],
  other: {
    datasetRef: { name: 'other' },
    tokenizerRef: { name: 'other' },
    model: { layers: 3 },
    stages: { reward: {} },
    optimizer: { batchSize: 64 },
    maxEpochs: 21,
    earlyStopping: { patienceEpochs: 4 },
    seed: 2,
    warmStart: { digest },
  },
}
