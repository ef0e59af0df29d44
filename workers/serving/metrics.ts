import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { eventTypes } from '../../crds/events.ts'
import { type AuctionMetrics, createAuctionMetrics } from './auction/metrics.ts'

export interface ServingMetrics {
  readonly registry: Registry
  readonly requests: Counter<'code'>
  readonly duration: Histogram
  readonly batchSize: Histogram
  readonly decodeDuration: Histogram
  readonly lists: Counter
  readonly emptyLists: Counter
  readonly inFlight: Gauge
  readonly score: Histogram
  readonly historyCodes: Counter<'code'>
  readonly exploredLists: Counter
  readonly events: Counter<'type'>
  readonly eventValue: Counter
  readonly unknownRequests: Counter
  readonly feedbackDropped: Counter<'stream'>
  readonly feedbackFiles: Counter<'stream'>
  readonly feedbackFailures: Counter
  readonly auction: AuctionMetrics
  readonly executionProvider: Gauge<'provider' | 'wanted'>
  readonly modelInfo: Gauge<'name' | 'digest' | 'revision'>
}

/** Log-probabilities: a list of thousands of items has its first score near -5, a confident one near 0. */
const scores = Array.from({ length: 21 }, (_, index) => index - 20)
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
  const events = new Counter({
    name: 'adloom_events_total',
    help: 'Events that were accepted.',
    labelNames: ['type'],
    registers,
  })
  // A series that appears with its first event hides that event from a rate.
  for (const type of eventTypes) events.inc({ type }, 0)
  return {
    registry,
    events,
    ...feedbackMetrics(registers),
    auction: createAuctionMetrics(registry),
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
    lists: new Counter({
      name: 'adloom_rank_lists_total',
      help: 'Requests that were answered with a list, be it empty; a call may hold many.',
      registers,
    }),
    inFlight: new Gauge({
      name: 'adloom_rank_in_flight',
      help: 'Calls of /v1/rank that are being answered.',
      registers,
    }),
    score: new Histogram({
      name: 'adloom_rank_score',
      help: 'Score (log-probability) of the first entry of each list that is not empty.',
      buckets: scores,
      registers,
    }),
    historyCodes: new Counter({
      name: 'adloom_rank_history_codes_total',
      help: 'Lists by the first code of the newest item of the history that they answer.',
      labelNames: ['code'],
      registers,
    }),
    exploredLists: new Counter({
      name: 'adloom_rank_explored_lists_total',
      help: 'Lists that were drawn by exploration.',
      registers,
    }),
    executionProvider: new Gauge({
      name: 'adloom_execution_provider_info',
      help: '1 for what decodes, and what was to.',
      labelNames: ['provider', 'wanted'],
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

function feedbackMetrics(registers: Registry[]) {
  return {
    eventValue: new Counter({
      name: 'adloom_event_value_total',
      help: 'Sum of the values of conversions.',
      registers,
    }),
    unknownRequests: new Counter({
      name: 'adloom_events_unknown_requests_total',
      help: 'Events, among those accepted, whose request this Pod does not remember.',
      registers,
    }),
    feedbackDropped: new Counter({
      name: 'adloom_feedback_dropped_total',
      help: 'Records that were not written, for want of room or of a disk.',
      labelNames: ['stream'] as const,
      registers,
    }),
    feedbackFiles: new Counter({
      name: 'adloom_feedback_files_total',
      help: 'Files that were put into the store.',
      labelNames: ['stream'] as const,
      registers,
    }),
    feedbackFailures: new Counter({
      name: 'adloom_feedback_publish_failures_total',
      help: 'Tries to put a file into the store that failed and are repeated.',
      registers,
    }),
  }
}
