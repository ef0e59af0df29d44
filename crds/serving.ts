import { integer, object } from './schema.ts'

/** `spec.serving` of a RankerDeployment; its Pods get it as ADLOOM_SERVING. */
export const serving = object(
  {
    port: integer(1, 65_535, { description: 'Port of the Service and of the Pods.', default: 8080 }),
    beamSize: integer(1, 1000, {
      description: 'Beams of the decoding; also the longest list that is answered.',
      default: 50,
    }),
    maxBatchSize: integer(1, 512, { description: 'Requests that are decoded together at most.', default: 32 }),
    maxBatchDelayMilliseconds: integer(0, 1000, {
      description: 'How long a request waits for others to be decoded with it.',
      default: 2,
    }),
    maxQueueLength: integer(1, 100_000, {
      description: 'Requests that wait at most; more are answered 429.',
      default: 1024,
    }),
    requestTimeoutMilliseconds: integer(1, 600_000, {
      description: 'A request that has waited this long is answered 503.',
      default: 5000,
    }),
    threads: integer(0, 256, { description: 'Threads of decoding; 0: as many as the Pod has CPUs.', default: 0 }),
  },
  { description: 'How requests are answered.', default: {} },
)
