import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export const namespace = 'pipeline'
export const name = 'ads'
const pool = { workerPoolRef: { name: 'default' } }
const metadata = { name, namespace }
const apiVersion = 'adloom.dev/v1alpha1'

/** `none`: every model serves well. The others: all models but `healthy` do not. */
export interface Fault {
  kind: 'none' | 'slow' | 'failing'
  healthy: string
}

export const noFault: Fault = { kind: 'none', healthy: '' }

/** Small enough that a run takes seconds. */
export const datasetOf = (items: number, users = 300): object => ({
  apiVersion,
  kind: 'Dataset',
  metadata,
  spec: { source: { simulation: { users, items, seed: 7 } }, ...pool },
})

export const workerPool: object = {
  apiVersion,
  kind: 'WorkerPool',
  metadata: { name: 'default', namespace },
  spec: { maxReplicas: 1, idleSeconds: 120 },
}

/** @param minRecall gate of every run */
export const pipelineOf = (seed: number, minRecall: string): object => ({
  apiVersion,
  kind: 'RankerPipeline',
  metadata,
  spec: {
    datasetRef: { name },
    tokenizerTemplate: {
      features: { text: { dimensions: 32, buckets: 1024 } },
      levels: 2,
      codebookSize: 16,
      ...pool,
    },
    trainingTemplate: {
      model: {
        architecture: 'DecoderOnly',
        layers: 1,
        hiddenSize: 32,
        heads: 2,
        feedForwardSize: 64,
        historyLength: 8,
      },
      seed,
      maxEpochs: 2,
      ...pool,
    },
    evaluationTemplate: {
      gates: [{ name: 'finds-something', metric: 'Recall@10', min: minRecall }],
      ...pool,
    },
  },
})

/** Half of the requests go to a new model, which has to answer them as well as stable does. */
export const rankerOf = (): object => ({
  apiVersion,
  kind: 'RankerDeployment',
  metadata,
  spec: {
    model: { pipelineRef: { name } },
    replicas: 1,
    // So that a slow model is slow and does not fail.
    serving: { requestTimeoutMilliseconds: 30_000 },
    rollout: {
      steps: [
        { setWeight: 50 },
        {
          analysis: {
            metrics: [
              { name: 'errors', type: 'ErrorRate', max: '0.1', intervalSeconds: 5, count: 3 },
              { name: 'empty-lists', type: 'EmptyListShare', max: '0.1', intervalSeconds: 5, count: 3 },
              {
                name: 'latency',
                type: 'LatencyQuantile',
                quantilePercent: 90,
                max: '2.5',
                intervalSeconds: 5,
                // Requests are counted when they are answered: slow ones need time to be seen.
                count: 6,
              },
            ],
          },
        },
      ],
    },
    template: {
      spec: {
        containers: [
          {
            name: 'ranker',
            env: [{ name: 'NODE_OPTIONS', value: '--import=/fault/fault.mjs' }],
            volumeMounts: [{ name: 'fault', mountPath: '/fault' }],
          },
        ],
        volumes: [{ name: 'fault', configMap: { name: 'fault' } }],
      },
    },
  },
})

/**
 * What breaks the Pods that start from now on.
 * @param root folder below which they find their packages
 */
export const faultOf = async (fault: Fault, root: string): Promise<object> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'fault', namespace },
  data: {
    'fault.mjs': await readFile(join(import.meta.dirname, 'fault.mjs'), 'utf8'),
    'fault.json': JSON.stringify({ ...fault, root }),
  },
})
