import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface ServingMetrics {
  readonly registry: Registry
  readonly requests: Counter<'code'>
  readonly duration: Histogram
  readonly batchSize: Histogram
  readonly decodeDuration: Histogram
  readonly emptyLists: Counter
  readonly modelInfo: Gauge<'name' | 'digest' | 'revision'>
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** @param queueLength read at each scrape */
export function createMetrics(queueLength: () => number): ServingMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'adloom_rank_queue_length',
    help: 'Requests that wait to be decoded.',
    registers,
    collect() {
      this.set(queueLength())
    },
  })
  return {
    registry,
    requests: new Counter({
      name: 'adloom_rank_requests_total',
      help: 'Calls of /v1/rank by status code; 499 for a client that went away.',
      labelNames: ['code'],
      registers,
    }),
    duration: new Histogram({
      name: 'adloom_rank_request_seconds',
      help: 'From the arrival of a call of /v1/rank to the end of its answer.',
      buckets: seconds,
      registers,
    }),
    batchSize: new Histogram({
      name: 'adloom_rank_batch_size',
      help: 'Requests that were decoded together.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    }),
    decodeDuration: new Histogram({
      name: 'adloom_rank_decode_seconds',
      help: 'Duration of a run of the decoder.',
      buckets: seconds,
      registers,
    }),
    emptyLists: new Counter({
      name: 'adloom_rank_empty_lists_total',
      help: 'Requests that were answered with no entry.',
      registers,
    }),
    modelInfo: new Gauge({
      name: 'adloom_model_info',
      help: '1 for the model that is loaded.',
      labelNames: ['name', 'digest', 'revision'],
      registers,
    }),
  }
}
