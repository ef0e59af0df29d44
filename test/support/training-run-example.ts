import { digest, type KindExample, refusedModelsIn } from './kind-example.ts'

/** A run of EGA-V2 that has these stages, and these parts of its model. */
export const ega = (stages: object, parts: object = {}) => ({ model: { architecture: 'EGAV2', ega: parts }, stages })

/** A run of OneRanker, likewise. */
export const oneRanker = (stages: object, parts: object = {}) => ({
  model: { architecture: 'OneRanker', oneRanker: parts },
  stages,
})

const phases = { pretrain: {}, reward: {}, ranking: {} }
const onGenerator = { pretrain: {}, reward: {}, ranking: { consistencyWeight: '0.0' } }

const cascade = { allocation: 'Cascade', bidding: { weights: 'None' } }

/** What a run of OneRanker is refused for. */
const refusedOneRankers: KindExample['refused'] = [
  {
    change: { model: { oneRanker: {} } },
    message: 'oneRanker is needed with architecture OneRanker, and goes with it only',
  },
  {
    change: { model: { architecture: 'OneRanker' }, stages: phases },
    message: 'oneRanker is needed with architecture OneRanker, and goes with it only',
  },
  {
    change: { ...oneRanker({}), stages: undefined },
    message: 'stages are needed with architectures EGAV2 and OneRanker, and go with them only',
  },
  {
    change: { ...oneRanker(phases), warmStart: { digest } },
    message: 'a run of architecture EGAV2 or OneRanker starts from its own stages; leave out warmStart',
  },
  { change: oneRanker({}), message: 'give at least one of pretrain, reward and ranking' },
  {
    change: oneRanker({ ...phases, allocation: {} }),
    message: 'allocation is a stage of architecture EGAV2 only; leave it out',
  },
  {
    change: ega({ pretrain: {}, reward: {}, ranking: {} }),
    message: 'ranking is a stage of architecture OneRanker only; leave it out',
  },
  { change: oneRanker({ reward: {}, ranking: {} }), message: 'ranking needs pretrain before it, or order Joint' },
  { change: oneRanker({ pretrain: {}, ranking: {} }), message: 'ranking needs reward before it, or labels Logged' },
  {
    change: oneRanker({ reward: {}, payment: {} }),
    message: 'payment needs reward and a generator (pretrain, or ranking of order Joint) before it',
  },
  {
    change: oneRanker({ ...phases, order: 'Joint' }),
    message: 'order Joint of OneRanker needs ranking, which learns all losses from the start; leave out pretrain',
  },
  {
    change: oneRanker({ reward: {}, order: 'Joint' }),
    message: 'order Joint of OneRanker needs ranking, which learns all losses from the start; leave out pretrain',
  },
  {
    change: oneRanker({ pretrain: {}, reward: {} }),
    message: 'the ranking decoder is trained in stage ranking; give it, or set model.oneRanker.ranking to false',
  },
  {
    change: oneRanker(phases, { ranking: false }),
    message: 'stage ranking trains the ranking decoder; leave it out, or set model.oneRanker.ranking to true',
  },
  {
    change: oneRanker(phases, { refinement: false }),
    message:
      'stages.ranking.consistencyWeight draws the value tokens of step 2 to the ranker; set it to "0" where model.oneRanker.refinement is false',
  },
  {
    change: oneRanker({ ...onGenerator, ranking: { consistencyWeight: '0', ownCandidates: 1 } }, { refinement: false }),
    message:
      'stages.ranking.ownCandidates are proposed by the value tokens of step 2; set it to 0 where model.oneRanker.refinement is false',
  },
  {
    change: oneRanker({ ...phases, ranking: { ownCandidates: 30 } }),
    message: 'stages.ranking.ownCandidates must be below model.oneRanker.candidates',
  },
  {
    change: { ...oneRanker(phases, { semanticIdWeight: '0.0' }), optimizer: { labelSmoothing: '0.1' } },
    message: 'optimizer.labelSmoothing is of semantic ids; leave it out where model.oneRanker.semanticIdWeight is 0',
  },
  ...[
    { refinementLayers: 1 },
    { valueTokens: 1 },
    { fakeItems: 0 },
    { centres: 'Fixed' },
    { attentionOrder: 'SelfFirst' },
    { selfMask: 'Full' },
    { fakeItemsSee: 'FirstTask' },
    { taskDecoupling: false },
    { semanticIdWeight: '1.1' },
    { sampledItems: 1 },
  ].map((idle) => ({
    change: oneRanker(onGenerator, { refinement: false, ...idle }),
    message:
      'refinement false leaves step 2 out: leave out refinementLayers, valueTokens, fakeItems, centres, attentionOrder, selfMask, fakeItemsSee, taskDecoupling, semanticIdWeight and sampledItems',
  })),
  ...[{ rankerLayers: 2 }, { rankerMemory: 'StepOne' }, { candidates: 31 }].map((idle) => ({
    change: oneRanker({ pretrain: {} }, { ranking: false, ...idle }),
    message: 'ranking false leaves step 3 out: leave out rankerLayers, rankerMemory and candidates',
  })),
  ...[{ centres: 'Fixed' }, { fakeItemsSee: 'FirstTask' }].map((idle) => ({
    change: oneRanker(phases, { fakeItems: 0, ...idle }),
    message: 'fakeItems 0 leaves no fake items: leave out centres and fakeItemsSee',
  })),
  {
    change: oneRanker(phases, { selfMask: 'Full', fakeItemsSee: 'FirstTask' }),
    message: 'selfMask Full lets all tokens see all: leave out fakeItemsSee',
  },
  { change: oneRanker({ ...phases, ranking: { temperature: '0.0' } }), message: 'temperature must be above 0' },
  {
    change: oneRanker({ ...phases, ranking: { rankWeight: '0.0' } }),
    message:
      'rankWeight must be above 0, as nothing else teaches the ranking decoder: to do without, leave out the stage and set model.oneRanker.ranking to false',
  },
  ...[{ temperature: '2' }, { consistencyWarmupSteps: 201 }].map((idle) => ({
    change: oneRanker({ ...phases, ranking: { consistencyWeight: '0', ...idle } }),
    message: 'consistencyWeight 0 leaves L_DC out: leave out consistencyWarmupSteps and temperature',
  })),
  {
    change: oneRanker({ ...phases, ranking: { labels: 'Logged', consistencyWeight: '0', ownCandidates: 1 } }),
    message:
      'labels Logged says nothing of candidates that were not shown, and consistencyWeight 0 leaves out L_DC, which would: leave out ownCandidates',
  },
  {
    change: oneRanker({ ...phases, ranking: { clickedWeight: '2' } }),
    message: 'ranking.clickedWeight is of order Joint; give pretrain.clickedWeight, which goes on in ranking',
  },
  {
    change: ega({ pretrain: { targets: ['NextItems'], clickedWeight: '2' } }),
    message: 'pretrain.clickedWeight weighs clicks of exposed lists; leave it out, or add Exposed to targets',
  },
  {
    change: oneRanker(onGenerator, { refinement: false, candidateRoute: 'SemanticIds' }),
    message: 'refinement false leaves codes as the only way to candidates: leave out candidateRoute',
  },
  {
    change: oneRanker(phases, { objective: { organic: '0' } }),
    message: 'organic must be at least 0.01: items are ranked by the logarithm of their value',
  },
  {
    change: oneRanker(phases, { candidateRoute: 'SemanticIds', semanticIdWeight: '0' }),
    message: 'candidateRoute SemanticIds needs ids that are learned: set semanticIdWeight above 0',
  },
]

export const trainingRunExample: KindExample = {
  spec: { datasetRef: { name: 'dataset' }, tokenizerRef: { name: 'tokenizer' } },
  refused: [
    { change: { model: { hiddenSize: 30, heads: 4 } }, message: 'hiddenSize must be a multiple of heads' },
    { change: { model: { dropout: '1' } }, message: 'dropout must be below 1' },
    { change: { optimizer: { labelSmoothing: '1.0' } }, message: 'labelSmoothing must be below 1' },
    { change: { model: { ega: {} } }, message: 'ega is needed with architecture EGAV2, and goes with it only' },
    {
      change: { model: { architecture: 'EGAV2' }, stages: { reward: {} } },
      message: 'ega is needed with architecture EGAV2, and goes with it only',
    },
    {
      change: { stages: { reward: {} } },
      message: 'stages are needed with architectures EGAV2 and OneRanker, and go with them only',
    },
    {
      change: { ...ega({}), stages: undefined },
      message: 'stages are needed with architectures EGAV2 and OneRanker, and go with them only',
    },
    {
      change: { ...ega({ pretrain: {}, reward: {} }), warmStart: { digest } },
      message: 'a run of architecture EGAV2 or OneRanker starts from its own stages; leave out warmStart',
    },
    { change: ega({}), message: 'give at least one of pretrain, reward and ranking' },
    { change: ega({ pretrain: {}, allocation: {} }), message: 'allocation needs pretrain and reward before it' },
    {
      change: ega({ reward: {}, payment: {} }),
      message: 'payment needs reward and a generator (pretrain, or ranking of order Joint) before it',
    },
    {
      change: ega({ pretrain: {}, reward: {}, order: 'Joint' }),
      message: 'order Joint of EGAV2 needs pretrain, reward and payment',
    },
    {
      change: ega({ reward: {} }, { bidding: { alpha: '0.0', beta: '0' } }),
      message: 'alpha and beta must not both be 0',
    },
    {
      change: ega({ pretrain: {}, reward: {}, allocation: { klWeight: '0.2' } }),
      message: 'trained Head moves the head alone, which nothing has to hold: leave out klWeight',
    },
    ...[{ trained: 'Full' }, { trained: 'Full', klWeight: '0' }].map((idle) => ({
      change: ega({ pretrain: {}, reward: {}, payment: {}, order: 'Joint', allocation: idle }),
      message:
        'order Joint tunes the whole generator in stage allocation, and holds it by nothing: leave out trained and klWeight',
    })),
    {
      change: ega({ reward: {} }, { reward: { hiddenSize: 30, heads: 4 } }),
      message: 'hiddenSize must be a multiple of heads',
    },
    ...[
      { alpha: '1' },
      { beta: '1' },
      { aggregate: 'Average' },
      { scope: 'Unconditional' },
      { bids: 'Request' },
      { unit: 'Money' },
    ].map((idle) => ({
      change: ega({ reward: {} }, { bidding: { weights: 'None', ...idle } }),
      message: 'weights None weighs no codes by bids: leave out alpha, beta, aggregate, bids, unit and scope',
    })),
    {
      change: ega({ reward: {} }, { allocation: 'Cascade' }),
      message: 'allocation Cascade weighs no codes by bids: set bidding.weights to None',
    },
    ...[{ candidateLists: 63 }, { organicOrder: 'Free' }].map((idle) => ({
      change: ega({ reward: {} }, { ...cascade, ...idle }),
      message: 'allocation Cascade searches no lists: leave out candidateLists, alternatives, bidder and organicOrder',
    })),
    ...[{}, { bidding: { bids: 'Request' } }, { bidding: { weights: 'None' } }].map((bidding) => ({
      change: ega({ reward: {} }, { alternatives: 'Swaps', ...bidding }),
      message: 'alternatives Swaps goes by expected bids: set bidding.bids to Expected',
    })),
    ...[{}, { alternatives: 'None' }].map((alternatives) => ({
      change: ega({ reward: {} }, { ...alternatives, bidder: 'Advertiser' }),
      message: 'bidder Advertiser compares lists with those without any ad of an advertiser: set alternatives to Swaps',
    })),
    {
      change: ega({ pretrain: {}, reward: {}, allocation: {} }, cascade),
      message: 'stage allocation tunes the search for lists, and model.ega.allocation Cascade has none; leave it out',
    },
    {
      change: ega({ pretrain: {}, reward: {}, payment: {} }, cascade),
      message:
        'stage payment learns prices of lists that are searched, and model.ega.allocation Cascade has none; leave it out',
    },
    {
      change: { ...ega({ reward: {} }), earlyStopping: { validationUsers: 1999 } },
      message:
        'a run of architecture EGAV2 or OneRanker validates on all samples of the validation part; leave out earlyStopping.validationUsers',
    },
    ...refusedOneRankers,
    ...refusedModelsIn('warmStart'),
  ],
  accepted: [
    { model: { hiddenSize: 32, heads: 4, dropout: '0.999' } },
    { optimizer: { labelSmoothing: '0.99' } },
    { warmStart: { trainingRunRef: { name: 'parent' } } },
    { warmStart: { digest } },
    ega({ reward: {} }),
    ega({ pretrain: { targets: ['Exposed', 'NextItems'] } }, { bidding: { alpha: '0' } }),
    ega({ reward: {} }, { alternatives: 'Together', bidder: 'Advertiser' }),
    ega({ reward: {} }, { alternatives: 'Swaps', bidding: { bids: 'Expected' } }),
    ega({ reward: {} }, { organicOrder: 'Free', bidding: { unit: 'Money' }, tokenEmbedding: 'Separate' }),
    ega({ pretrain: {}, reward: { fold: 'Second' }, allocation: { trained: 'Full', klWeight: '0.2' }, payment: {} }),
    ega({ pretrain: {}, reward: {}, payment: {}, order: 'Joint', allocation: { klWeight: '0.10' } }),
    ega({ pretrain: {}, reward: {}, payment: {}, order: 'Joint' }, { constraints: { maxAds: 0 } }),
    oneRanker({ ...phases, payment: {} }),
    oneRanker({ ...phases, reward: undefined, ranking: { labels: 'Logged', ownCandidates: 29 } }),
    oneRanker({ ...phases, pretrain: { targets: ['NextItems'], clickedWeight: '2' } }),
    oneRanker({ ...phases, ranking: { consistencyWeight: '0', temperature: '1.0', ownCandidates: 1 } }),
    oneRanker(
      { order: 'Joint', reward: {}, ranking: { clickedWeight: '4' }, payment: {} },
      { fakeItems: 0, selfMask: 'Full' },
    ),
    oneRanker({ pretrain: { targets: ['NextItems'] } }, { refinement: false, ranking: false, interestTokens: 1 }),
    oneRanker(onGenerator, {
      refinement: false,
      semanticIdWeight: '1.0',
      rankerMemory: 'StepOne',
      candidates: 2,
      objective: { organic: '0.01' },
    }),
    oneRanker({ pretrain: {} }, { ranking: false, fakeItems: 1, centres: 'Fixed', fakeItemsSee: 'FirstTask' }),
    { ...oneRanker(phases, { semanticIdWeight: '0' }), optimizer: { labelSmoothing: '0' } },
    ega({ pretrain: {}, reward: {} }, { ...cascade, bidding: { weights: 'None', alpha: '1.20' } }),
    { earlyStopping: { validationUsers: 1999 } },
    oneRanker({ reward: {} }),
  ],
  other: {
    datasetRef: { name: 'other' },
    tokenizerRef: { name: 'other' },
    model: { layers: 3 },
    stages: { reward: {} },
    optimizer: { batchSize: 64 },
    maxEpochs: 21,
    earlyStopping: { patienceEpochs: 4 },
    seed: 2,
    warmStart: { digest },
  },
}
