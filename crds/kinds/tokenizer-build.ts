import { Type } from 'typebox'
import { defineKind, type ObjectOf } from '../kind.ts'
import {
  messageColumn,
  progressColumn,
  runPolicy,
  runPolicyFields,
  runStatus,
  stateColumn,
  ttlSecondsAfterFinished,
} from '../run.ts'
import { atomicList, decimal, digest, enumeration, integer, object, optional, reference, text } from '../schema.ts'

const weight = decimal({
  description: 'How much these features count against the others; each kind has unit variance before it is weighted.',
  default: '1.0',
})

/** Turns every item into C codes of W entries each. */
export const tokenizerBuild = defineKind({
  kind: 'TokenizerBuild',
  plural: 'tokenizerbuilds',
  shortNames: ['tb'],
  description: 'Learns the vocabulary of a Dataset: every item becomes a path of codes, near items share a prefix.',
  spec: object(
    {
      datasetRef: reference({ description: 'Dataset whose items are coded.' }),
      features: object(
        {
          text: optional(
            object(
              {
                dimensions: integer(4, 1024, { description: 'Dimensions kept of the text features.', default: 128 }),
                ngrams: integer(1, 4, { description: 'Longest run of words that is one feature.', default: 2 }),
                buckets: integer(256, 4_194_304, { description: 'Hash buckets of the n-grams.', default: 65_536 }),
                weight,
              },
              { description: 'Hashed n-grams of text and attributes, reduced by a randomized SVD.' },
            ),
          ),
          collaborative: optional(
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
          ),
          embedding: optional(object({ weight }, { description: 'The embedding column of the Dataset.' })),
        },
        {
          description: 'What items are told apart by; several are joined.',
          default: { text: {}, collaborative: {} },
          rules: [
            {
              rule: 'has(self.text) || has(self.collaborative) || has(self.embedding)',
              message: 'give at least one of text, collaborative and embedding',
            },
          ],
        },
      ),
      algorithm: enumeration(['ResidualKMeans'], {
        description: 'ResidualKMeans: each level clusters what the levels before left over.',
        default: 'ResidualKMeans',
      }),
      levels: integer(1, 8, { description: 'Codes of an item (C).', default: 4 }),
      codebookSize: integer(2, 4096, { description: 'Entries of each code (W).', default: 256 }),
      iterations: integer(1, 1000, { description: 'Iterations of k-means at most.', default: 30 }),
      collisions: enumeration(['Reassign', 'AppendLevel'], {
        description:
          'What is done about items with equal codes. Reassign: the later ones take the nearest free codes. AppendLevel: one more code tells them apart.',
        default: 'Reassign',
      }),
      seed: integer(0, 2_147_483_647, { description: 'Seed of everything random.', default: 1 }),
      reuse: optional(
        object(
          {
            tokenizerRef: optional(reference({ description: 'Earlier TokenizerBuild.' })),
            digest: optional(digest({ description: 'Artifact of an earlier TokenizerBuild in the store.' })),
            maxUnseenItemsPercent: integer(0, 100, {
              description:
                'Codebooks are kept while at most this share of the items is not among those that they were learned from.',
              default: 10,
            }),
          },
          {
            description:
              'Keeps features and codebooks of an earlier tokenizer of the same features, levels, codebookSize, iterations, collisions and seed: known items keep their codes, new ones are coded by their content. Where that cannot be, everything is learned anew; status says which.',
            rules: [
              {
                rule: 'has(self.tokenizerRef) != has(self.digest)',
                message: 'give exactly one of tokenizerRef and digest',
              },
            ],
          },
        ),
      ),
      ...runPolicy,
      ttlSecondsAfterFinished,
    },
    { description: 'What is wanted.' },
  ),
  status: runStatus({
    items: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Items coded.' })),
    levels: optional(integer(0, 64, { description: 'Codes of an item, an appended level included.' })),
    collisionRate: optional(
      text(32, { description: 'Share of items whose codes another item had too, before they were told apart.' }),
    ),
    reconstructionError: optional(
      text(32, { description: 'Squared distance of features and their codes, as a share of the variance.' }),
    ),
    codebooks: optional(
      enumeration(['Reused', 'Learned'], { description: 'Whether the codebooks are those of spec.reuse.' }),
    ),
    codebooksReason: optional(
      text(64, {
        description:
          'Why: NothingToReuse (no spec.reuse), FewUnseenItems, TooManyUnseenItems, OptionsDiffer, NoContent (only what is taken together tells items apart), EmbeddingsDiffer, PathsExhausted.',
      }),
    ),
    unseenItemsPercent: optional(
      text(32, { description: 'Share of items that the codebooks of spec.reuse were not learned from.' }),
    ),
    utilization: optional(
      atomicList(Type.String({ maxLength: 32 }), 64, { description: 'Share of entries in use, by level.' }),
    ),
  }),
  mutableOnceStarted: runPolicyFields,
  columns: [
    stateColumn,
    progressColumn,
    { name: 'Items', type: 'integer', jsonPath: '.status.items' },
    { name: 'Collisions', type: 'string', jsonPath: '.status.collisionRate' },
    { name: 'Codebooks', type: 'string', jsonPath: '.status.codebooks', priority: 1 },
    { name: 'Error', type: 'string', jsonPath: '.status.reconstructionError', priority: 1 },
    messageColumn,
  ],
})

export type TokenizerBuild = ObjectOf<typeof tokenizerBuild>
