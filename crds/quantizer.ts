import { Type } from 'typebox'
import { atomicList, boolean, decimal, enumeration, integer, object, optional, type Rule, text } from './schema.ts'

/** How much features count; of every place that joins kinds of features. */
const weight = decimal({
  description: 'How much these features count against the others; each kind has unit variance before it is weighted.',
  default: '1.0',
})

export const textFeatures = optional(
  object(
    {
      dimensions: integer(4, 1024, { description: 'Dimensions kept of the text features.', default: 128 }),
      ngrams: integer(1, 4, { description: 'Longest run of words that is one feature.', default: 2 }),
      buckets: integer(256, 4_194_304, { description: 'Hash buckets of the n-grams.', default: 65_536 }),
      weight,
    },
    { description: 'Hashed n-grams of text and attributes, reduced by a randomized SVD.' },
  ),
)

export const collaborativeFeatures = optional(
  object(
    {
      dimensions: integer(4, 1024, { description: 'Factors kept.', default: 64 }),
      window: integer(1, 100, {
        description: 'Interactions of one user that lie at most this far apart count as together.',
        default: 5,
      }),
      weight,
    },
    { description: 'Factors of what is taken together, from the training part only.' },
  ),
)

export const embeddingFeatures = optional(object({ weight }, { description: 'The embedding column of the Dataset.' }))

interface NetworkDefaults {
  readonly hidden: readonly number[]
  readonly commitment: string
  readonly learningRate: string
  readonly epochs: number
  readonly batchSize: number
  readonly resetEpochs: number
}

/** What every algorithm with a network is told. */
const networkFields = (defaults: NetworkDefaults) => ({
  hidden: atomicList(Type.Integer({ minimum: 1, maximum: 4096, format: 'int32' }), 8, {
    description: "Widths of the encoder's hidden layers, from features to latent vectors; the decoder mirrors them.",
    default: [...defaults.hidden],
  }),
  commitment: decimal({
    description: 'Weight of the commitment loss, which keeps latent vectors near their entries.',
    default: defaults.commitment,
  }),
  learningRate: decimal({ description: 'Learning rate of AdamW.', default: defaults.learningRate }),
  epochs: integer(1, 100_000, { description: 'Passes over what is coded.', default: defaults.epochs }),
  batchSize: integer(1, 65_536, { description: 'Items of a step.', default: defaults.batchSize }),
  resetEpochs: integer(0, 100_000, {
    description: 'Every so many epochs entries that nothing uses are put where there is something; 0: never.',
    default: defaults.resetEpochs,
  }),
})

/** Also what a worker takes where `rqvae` is absent. */
export const rqVaeDefaults = {
  hidden: [512, 256, 128],
  latentDimensions: 32,
  commitment: '0.25',
  learningRate: '0.001',
  epochs: 100,
  batchSize: 256,
  resetEpochs: 5,
  standardize: true,
} as const

const rqvae = object(
  {
    ...networkFields(rqVaeDefaults),
    latentDimensions: integer(1, 1024, {
      description: 'Dimensions of the latent vectors that are coded.',
      default: rqVaeDefaults.latentDimensions,
    }),
    standardize: boolean({
      description:
        'Whether all dimensions of a kind of features get the same variance before the network sees them; weights of kinds count either way.',
      default: rqVaeDefaults.standardize,
    }),
  },
  { description: 'Settings of RQVAE; absent: the defaults. Not for other algorithms.' },
)

/** Also what a worker takes where `rqKMeansPlus` is absent. */
export const rqKMeansPlusDefaults = {
  hidden: [512, 256],
  commitment: '0.25',
  learningRate: '0.001',
  epochs: 100,
  batchSize: 256,
  resetEpochs: 5,
} as const

const rqKMeansPlus = object(networkFields(rqKMeansPlusDefaults), {
  description:
    'Settings of RQKMeansPlus; absent: the defaults. Not for other algorithms. Latent vectors have the dimensions of the features, which the network sees as they are.',
})

/** How features become codes: what items and creatives have in common. */
export const quantizer = (of: 'item' | 'creative', defaults: { levels: number; codebookSize: number }) => ({
  algorithm: enumeration(['ResidualKMeans', 'RQVAE', 'RQKMeansPlus'], {
    description:
      'ResidualKMeans: each level clusters what the levels before left over. RQVAE: a network learns vectors to code, their codes, and the way back, together. RQKMeansPlus: residual k-means first, whose codebooks are then learned on together with a network that moves the features, at first by nothing.',
    default: 'ResidualKMeans',
  }),
  rqvae: optional(rqvae),
  rqKMeansPlus: optional(rqKMeansPlus),
  levels: integer(1, 8, {
    description: `Codes of ${of === 'item' ? 'an item' : 'a creative'} (C).`,
    default: defaults.levels,
  }),
  codebookSize: integer(2, 4096, { description: 'Entries of each code (W).', default: defaults.codebookSize }),
})

/** Settings stand beside the algorithm that they are of. */
export const quantizerRules: Rule[] = (
  [
    ['rqvae', 'RQVAE'],
    ['rqKMeansPlus', 'RQKMeansPlus'],
  ] as const
).map(([field, algorithm]) => ({
  rule: `!has(self.${field}) || self.algorithm == '${algorithm}'`,
  message: `${field} goes with algorithm ${algorithm} only`,
}))

/** How well codes stand for features. */
export const codeQuality = {
  levels: optional(integer(0, 64, { description: 'Codes of one, an appended level included.' })),
  collisionRate: optional(
    text(32, { description: 'Share whose codes another one had too, before they were told apart.' }),
  ),
  reconstructionError: optional(
    text(32, {
      description: 'Squared distance of features and what their codes stand for, as a share of the variance.',
    }),
  ),
  utilization: optional(
    atomicList(Type.String({ maxLength: 32 }), 64, { description: 'Share of entries in use, by level.' }),
  ),
  codebooks: optional(
    enumeration(['Reused', 'Learned'], { description: 'Whether the codebooks are those of spec.reuse.' }),
  ),
}
