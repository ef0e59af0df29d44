import { defineKind, type ObjectOf } from '../kind.ts'
import {
  codeQuality,
  collaborativeFeatures,
  embeddingFeatures,
  quantizer,
  quantizerRules,
  textFeatures,
} from '../quantizer.ts'
import {
  messageColumn,
  progressColumn,
  runPolicy,
  runPolicyFields,
  runStatus,
  stateColumn,
  ttlSecondsAfterFinished,
} from '../run.ts'
import { digest, enumeration, integer, object, optional, reference, text } from '../schema.ts'

/** Turns every item into C codes of W entries each. */
export const tokenizerBuild = defineKind({
  kind: 'TokenizerBuild',
  plural: 'tokenizerbuilds',
  shortNames: ['tb'],
  description:
    'Learns the vocabulary of a Dataset: every item becomes a path of codes, near items share a prefix; creatives too, where asked for.',
  spec: object(
    {
      datasetRef: reference({ description: 'Dataset whose items are coded.' }),
      features: object(
        {
          text: textFeatures,
          collaborative: collaborativeFeatures,
          embedding: embeddingFeatures,
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
      ...quantizer('item', { levels: 3, codebookSize: 256 }),
      iterations: integer(1, 1000, {
        description: 'Iterations of k-means at most, also of that which RQVAE and RQKMeansPlus start from.',
        default: 30,
      }),
      collisions: enumeration(['Reassign', 'AppendLevel'], {
        description:
          'What is done about items with equal codes. Reassign: the later ones take the nearest free codes. AppendLevel: one more code tells them apart.',
        default: 'AppendLevel',
      }),
      creatives: optional(
        object(
          {
            features: object(
              { text: textFeatures, embedding: embeddingFeatures },
              {
                description: 'What creatives are told apart by; several are joined.',
                default: { text: {} },
                rules: [
                  { rule: 'has(self.text) || has(self.embedding)', message: 'give at least one of text and embedding' },
                ],
              },
            ),
            ...quantizer('creative', { levels: 3, codebookSize: 256 }),
          },
          {
            description:
              'Codes the creatives of the Dataset too, by codebooks of their own. Those of one item with equal codes are told apart by the nearest free codes.',
            rules: quantizerRules,
          },
        ),
      ),
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
              'Keeps features and codebooks of an earlier tokenizer of the same features, algorithm, levels, codebookSize, iterations, collisions and seed: known items keep their codes, new ones are coded by their content. Where that cannot be, everything is learned anew; status says which. Creatives are judged by the same rule on their own.',
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
    { description: 'What is wanted.', rules: quantizerRules },
  ),
  status: runStatus({
    items: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Items coded.' })),
    ...codeQuality,
    codebooksReason: optional(
      text(64, {
        description:
          'Why: NothingToReuse (no spec.reuse), FewUnseenItems, TooManyUnseenItems, OptionsDiffer, NoContent (only what is taken together tells items apart), EmbeddingsDiffer, PathsExhausted.',
      }),
    ),
    unseenItemsPercent: optional(
      text(32, { description: 'Share of items that the codebooks of spec.reuse were not learned from.' }),
    ),
    creatives: optional(
      object(
        {
          count: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Creatives coded.' })),
          ...codeQuality,
          codebooksReason: optional(text(64, { description: 'Why, as for items.' })),
          unseenPercent: optional(
            text(32, { description: 'Share of creatives that the codebooks of spec.reuse were not learned from.' }),
          ),
        },
        { description: 'Of creatives, where spec.creatives asks for them; collisions are those within an item.' },
      ),
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
