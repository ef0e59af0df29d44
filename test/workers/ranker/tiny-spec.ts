import type { TrainingRun } from '../../../crds/kinds/training-run.ts'

/** A training of a second, for tests to change what they are about. */
export const tinyTrainingSpec: TrainingRun['spec'] = {
  datasetRef: { name: 'd' },
  tokenizerRef: { name: 't' },
  model: {
    architecture: 'DecoderOnly',
    layers: 1,
    hiddenSize: 16,
    heads: 2,
    feedForwardSize: 16,
    historyLength: 6,
    itemEmbeddings: true,
    contentDimensions: 4,
    dropout: '0.1',
  },
  optimizer: {
    learningRate: '0.01',
    schedule: 'Cosine',
    warmupSteps: 2,
    weightDecay: '0.01',
    clipNorm: '1.0',
    batchSize: 16,
    labelSmoothing: '0',
  },
  maxEpochs: 2,
  earlyStopping: { patienceEpochs: 0, validationUsers: 20 },
  seed: 1,
  checkpointSteps: 1000,
  workerPoolRef: { name: 'default' },
  suspend: false,
  backoffLimit: 0,
}
