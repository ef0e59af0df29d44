import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** What a serving Pod tells Prometheus. */
export class ServingMetrics {
  readonly registry = new Registry()
  readonly requests: Counter<'code'>
  readonly latency: Histogram
  readonly batchSize: Histogram
  readonly decodeSeconds: Histogram
  readonly emptyLists: Counter

  constructor(model: { name: string; digest: string; revision: string }, queueLength: () => number) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    this.requests = new Counter({
      name: 'adloom_rank_requests_total',
      help: 'HTTP requests to /v1/rank by status code',
      labelNames: ['code'],
      registers,
    })
    this.latency = new Histogram({
      name: 'adloom_rank_request_seconds',
      help: 'Time of an HTTP request to /v1/rank',
      buckets: seconds,
      registers,
    })
    this.batchSize = new Histogram({
      name: 'adloom_rank_batch_size',
      help: 'Requests that were decoded together',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    })
    this.decodeSeconds = new Histogram({
      name: 'adloom_rank_decode_seconds',
      help: 'Time of a batch in the decoder',
      buckets: seconds,
      registers,
    })
    this.emptyLists = new Counter({ name: 'adloom_rank_empty_lists_total', help: 'Answers without entries', registers })
    new Gauge({
      name: 'adloom_rank_queue_length',
      help: 'Requests that wait to be decoded',
      registers,
      collect() {
        this.set(queueLength())
      },
    })
    new Gauge({
      name: 'adloom_model_info',
      help: 'The model that is served',
      labelNames: ['name', 'digest', 'revision'],
      registers,
    }).set(model, 1)
  }
}
