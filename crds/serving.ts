import { Type } from 'typebox'
import { auctionSettings } from './auction-settings.ts'
import { idleUnless } from './idle-fields.ts'
import { enumeration, integer, object, objectName, optional } from './schema.ts'

/** As `decimal`, and not zero: a share of nothing, or a division by it, is no setting. */
const positiveDecimal = (description: string) =>
  Type.String({ description, maxLength: 12, pattern: '^(0*[1-9][0-9]*(\\.[0-9]+)?|0+\\.0*[1-9][0-9]*)$' })

const exploration = object(
  {
    temperature: positiveDecimal(
      'Scores of the beam are divided by it before a list is drawn: small keeps to the best, large draws evenly.',
    ),
    sharePercent: integer(1, 100, { description: 'Share of the requests whose list is drawn.', default: 10 }),
  },
  {
    description:
      'A share of the requests gets a list that is drawn from the beam without replacement; every answer then carries its propensity. Absent: every list is the best one, and no propensity is claimed.',
  },
)

const feedback = object(
  {
    tokenSecretRef: optional(
      object(
        {
          name: objectName('Name of the Secret.'),
          key: Type.String({
            description: 'Key of the token in it.',
            minLength: 1,
            maxLength: 253,
            pattern: '^[-._a-zA-Z0-9]+$',
          }),
        },
        {
          description:
            'Token that callers of /v1/events send as `Authorization: Bearer TOKEN`. Absent: whoever reaches the port may send events. A new token is taken up by new Pods.',
        },
      ),
    ),
    history: enumeration(['Digest', 'Items'], {
      description: 'What of a history is written with a request: the digest of its items, or all of them.',
      default: 'Digest',
    }),
    candidates: enumeration(['Count', 'Ids'], {
      description:
        'What of the candidates of an auction is written with a request: how many there were, or the ids of all ads, with bids, and of all organic items. A Dataset that is to learn allocation needs the ids.',
      default: 'Count',
    }),
    rotateSeconds: integer(1, 86_400, {
      description: 'A file that has been open this long is closed and put into the store.',
      default: 60,
    }),
    maxFileBytes: integer(4096, 1_073_741_824, {
      description: 'So does one that has grown to this size.',
      default: 67_108_864,
    }),
    retentionDays: optional(
      integer(1, 36_500, {
        description:
          'Days (UTC) that written files stay in the store; a Dataset that has pinned them keeps what it read. Absent: they stay.',
      }),
    ),
    maxQueueLength: integer(1, 1_000_000, {
      description:
        'Records that wait to be written at most. Requests beyond that are answered and not written, events refused with 429; both are counted.',
      default: 10_000,
    }),
    recentEntries: integer(0, 10_000_000, {
      description:
        'Answered entries that a Pod remembers, the latest, to fill in the user, item, score and propensity of events.',
      default: 200_000,
    }),
  },
  {
    description:
      'Requests and events are written as JSON Lines into the artifact store, below feedback/NAMESPACE/NAME. Absent: nothing is written, and /v1/events is answered 404.',
  },
)

export const defaultBeamSize = 50

const beamSize = integer(1, 1000, {
  description:
    'Beams of the decoding; also the longest list that is answered. Of models without an auction; one with an auction compares auction.candidateLists lists, as long as it was trained for.',
  default: defaultBeamSize,
})

/** `spec.serving` of a RankerDeployment; its Pods get it as ADLOOM_SERVING. */
export const serving = object(
  {
    port: integer(1, 65_535, { description: 'Port of the Service and of the Pods.', default: 8080 }),
    beamSize,
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
    executionProvider: enumeration(['CPU', 'CUDA'], {
      description:
        'What decodes. CUDA needs an image with the CUDA libraries of ONNX Runtime, and a GPU in the Pod: spec.accelerator, or a template that gives one.',
      default: 'CPU',
    }),
    onMissingProvider: enumeration(['Fail', 'UseCPU'], {
      description:
        'When executionProvider cannot be had: Fail ends the server with a message that names what is missing, in its log and in status; UseCPU decodes on the CPU and says so in the log, in the model metadata and in the condition ExecutionProviderUsed.',
      default: 'Fail',
    }),
    exploration: optional(exploration),
    feedback: optional(feedback),
    auction: optional(auctionSettings),
  },
  {
    description: 'How requests are answered.',
    default: {},
    rules: [
      idleUnless(
        '!has(self.auction)',
        { beamSize },
        'a model with an auction has no beam of items, its lists are bounded by auction.candidateLists',
      ),
    ],
  },
)
