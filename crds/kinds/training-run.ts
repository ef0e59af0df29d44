import { egaModel } from '../ega.ts'
import { defineKind, type ObjectOf } from '../kind.ts'
import { modelReference } from '../model-reference.ts'
import { oneRankerModel } from '../one-ranker.ts'
import {
  messageColumn,
  progressColumn,
  runPolicy,
  runPolicyFields,
  runStatus,
  stateColumn,
  ttlSecondsAfterFinished,
} from '../run.ts'
import {
  boolean,
  decimal,
  digest,
  enumeration,
  integer,
  keyedList,
  object,
  optional,
  reference,
  text,
} from '../schema.ts'
import { stageRules, trainingStages } from '../stages.ts'

/** Trains a ranker on the sequences of a Dataset in the codes of a tokenizer. */
export const trainingRun = defineKind({
  kind: 'TrainingRun',
  plural: 'trainingruns',
  shortNames: ['tr'],
  description: 'Trains a generative ranker; its artifact holds weights, the decoding graph and the history of metrics.',
  spec: object(
    {
      datasetRef: reference({
        description: 'Dataset whose training part is learned, and whose validation part decides when to stop.',
      }),
      tokenizerRef: reference({ description: 'TokenizerBuild of the same Dataset revision.' }),
      warmStart: optional(
        modelReference(
          'Model whose weights training starts from; absent: from random ones. Its architecture and hiddenSize must be the same. What else does not fit starts as without it and is counted in status.',
        ),
      ),
      model: object(
        {
          architecture: enumeration(['DecoderOnly', 'EGAV2', 'OneRanker'], {
            description:
              'DecoderOnly: a causal transformer over semantic ids that learns all positions of a sequence at once. EGAV2: encoder, item decoder and creatives, allocation and prices of ads. OneRanker: a causal backbone, task tokens that refine it, and a decoder that ranks candidates by value. The latter two need a Dataset with advertising tables.',
            default: 'DecoderOnly',
          }),
          layers: integer(1, 48, { description: 'Transformer blocks.', default: 2 }),
          hiddenSize: integer(8, 4096, { description: 'Width.', default: 128 }),
          heads: integer(1, 64, { description: 'Attention heads.', default: 4 }),
          feedForwardSize: integer(8, 16_384, { description: 'Width inside the feed-forward layers.', default: 512 }),
          historyLength: integer(1, 2048, { description: 'Most recent items that the model reads.', default: 20 }),
          itemEmbeddings: boolean({
            description:
              'Whether each item also has a learned vector of its own as an input. It helps where histories are dense, and costs memory and time in proportion to the catalogue.',
            default: true,
          }),
          contentDimensions: integer(0, 1024, {
            description:
              'Dimensions of item features that the score of a code goes by, beside the code itself: the mean over the items that it leads to. 0: by the code alone.',
            default: 64,
          }),
          dropout: decimal({ description: 'Share of activations dropped in training.', default: '0.2' }),
          ega: optional(egaModel),
          oneRanker: optional(oneRankerModel),
        },
        {
          description: 'Architecture and sizes.',
          default: {},
          rules: [
            { rule: 'self.hiddenSize % self.heads == 0', message: 'hiddenSize must be a multiple of heads' },
            { rule: 'double(self.dropout) < 1.0', message: 'dropout must be below 1' },
            {
              rule: "(self.architecture == 'EGAV2') == has(self.ega)",
              message: 'ega is needed with architecture EGAV2, and goes with it only',
            },
            {
              rule: "(self.architecture == 'OneRanker') == has(self.oneRanker)",
              message: 'oneRanker is needed with architecture OneRanker, and goes with it only',
            },
          ],
        },
      ),
      stages: optional(trainingStages),
      optimizer: object(
        {
          learningRate: decimal({ description: 'Highest learning rate of AdamW.', default: '0.001' }),
          schedule: enumeration(['Constant', 'Cosine', 'InverseSquareRoot'], {
            description: 'How the learning rate falls after the warm-up.',
            default: 'Cosine',
          }),
          warmupSteps: integer(0, 1_000_000, {
            description: 'Steps over which the learning rate rises.',
            default: 100,
          }),
          weightDecay: decimal({ description: 'Decoupled weight decay.', default: '0.05' }),
          clipNorm: decimal({ description: 'Norm that gradients are cut to; 0: not cut.', default: '1.0' }),
          batchSize: integer(1, 65_536, { description: 'Sequences of a step.', default: 128 }),
          labelSmoothing: decimal({ description: 'Share of the target given to all codes alike.', default: '0' }),
        },
        {
          description: 'AdamW and its schedule.',
          default: {},
          rules: [{ rule: 'double(self.labelSmoothing) < 1.0', message: 'labelSmoothing must be below 1' }],
        },
      ),
      maxEpochs: integer(1, 10_000, { description: 'Passes over the training part at most.', default: 20 }),
      earlyStopping: object(
        {
          patienceEpochs: integer(0, 10_000, {
            description: 'Training ends when validation has not improved for this many epochs; 0: never early.',
            default: 3,
          }),
          validationUsers: integer(0, 100_000_000, {
            description: 'Users that the validation is measured on after each epoch, chosen by seed; 0: all.',
            default: 2000,
          }),
        },
        {
          description:
            'The best epoch by NDCG@10 on the validation part is kept; with stages the one of the least loss there.',
          default: {},
        },
      ),
      seed: integer(0, 2_147_483_647, { description: 'Seed of everything random.', default: 1 }),
      checkpointSteps: integer(1, 1_000_000, {
        description: 'Steps between checkpoints; what lies after the last one is done again after a failure.',
        default: 200,
      }),
      ...runPolicy,
      ttlSecondsAfterFinished,
    },
    {
      description: 'What is wanted.',
      rules: [
        ...stageRules,
        {
          rule: "self.model.architecture == 'DecoderOnly' || self.earlyStopping.validationUsers == 2000",
          message:
            'a run of architecture EGAV2 or OneRanker validates on all samples of the validation part; leave out earlyStopping.validationUsers',
        },
        {
          rule: "self.model.architecture == 'DecoderOnly' || !has(self.warmStart)",
          message: 'a run of architecture EGAV2 or OneRanker starts from its own stages; leave out warmStart',
        },
      ],
    },
  ),
  status: runStatus({
    stage: optional(text(32, { description: 'Stage that was trained last.' })),
    stages: optional(
      keyedList(
        object(
          {
            name: text(32, { description: 'Name of the stage.' }),
            digest: digest({ description: 'Artifact of the stage, shared by runs whose stages are equal so far.' }),
            reused: boolean({ description: 'Whether another run had trained it.' }),
            epochs: integer(0, 1_000_000, { description: 'Epochs.' }),
            summary: text(256, { description: 'Its metrics at the end.' }),
          },
          { description: 'A stage that is done.' },
        ),
        'name',
        8,
        { description: 'Stages that are done, each with its metrics.' },
      ),
    ),
    epoch: optional(integer(0, 1_000_000, { description: 'Epochs done.' })),
    bestEpoch: optional(integer(0, 1_000_000, { description: 'Epoch that was kept.' })),
    trainingLoss: optional(text(32, { description: 'Mean loss of the last epoch, in nats a code.' })),
    validationNdcg: optional(text(32, { description: 'NDCG@10 of the kept epoch on the validation part.' })),
    parameters: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Parameters of the model.' })),
    parent: optional(digest({ description: 'Model that training started from (spec.warmStart).' })),
    warmStart: optional(
      object(
        {
          takenParameters: integer(0, Number.MAX_SAFE_INTEGER, {
            description: 'Parameters that started from those of the parent.',
          }),
          initialParameters: integer(0, Number.MAX_SAFE_INTEGER, {
            description:
              'Parameters that started as without a parent: those of new items, of other sizes, or of other codebooks.',
          }),
          newItems: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Items that the parent does not know.' }),
        },
        { description: 'What was taken from the parent.' },
      ),
    ),
  }),
  mutableOnceStarted: [...runPolicyFields, 'checkpointSteps'],
  columns: [
    stateColumn,
    progressColumn,
    { name: 'NDCG@10', type: 'string', jsonPath: '.status.validationNdcg', description: 'On the validation part' },
    { name: 'Loss', type: 'string', jsonPath: '.status.trainingLoss', priority: 1 },
    messageColumn,
  ],
})

export type TrainingRun = ObjectOf<typeof trainingRun>
