import { Type } from 'typebox'
import { idleUnless } from './idle-fields.ts'
import { decimal, enumeration, integer, object, optional, setList } from './schema.ts'

/** Stages of training of the architectures that have them (`spec.stages` of a TrainingRun). */

const stageOptimizer = (learningRate: string, batchSize: number, maxEpochs: number) => ({
  maxEpochs: integer(1, 10_000, { description: 'Passes over the data of this stage at most.', default: maxEpochs }),
  learningRate: decimal({ description: 'Highest learning rate.', default: learningRate }),
  batchSize: integer(1, 65_536, { description: 'Requests of a step.', default: batchSize }),
})

const pretrainStage = object(
  {
    targets: setList(Type.Unsafe<'Exposed' | 'NextItems'>({ type: 'string', enum: ['Exposed', 'NextItems'] }), 2, {
      description:
        'Exposed: lists as they were shown; OneRanker learns what was clicked of them. NextItems: what users took next.',
      default: ['Exposed'],
      minItems: 1,
    }),
    clickedWeight: decimal({ description: 'Weight of an entry that was clicked; the others have 1.', default: '1' }),
  },
  { description: 'Interest-based pre-training; its optimiser and epochs are those of the run.' },
)

const rewardStage = object(
  {
    ...stageOptimizer('0.001', 128, 20),
    patienceEpochs: integer(0, 10_000, {
      description: 'Epochs without a better validation loss, as calibration will leave it; 0: never early.',
      default: 3,
    }),
    fold: enumeration(['All', 'First', 'Second'], {
      description:
        'Users that are learned from: all, or one half of them, so that another model can judge from the other.',
      default: 'First',
    }),
    calibration: enumeration(['None', 'Platt'], {
      description: 'How probabilities are put right afterwards.',
      default: 'Platt',
    }),
  },
  { description: 'The reward model.' },
)

export const defaultKlWeight = '0.1'

/** What of the generator the stage allocation moves, and how far. */
const tuning = {
  trained: enumeration(['Head', 'Full'], {
    description:
      'Head: the weighted item head alone (Figure 3). Full: the whole generator, held by klWeight. Order Joint takes the whole generator, and holds it by nothing.',
    default: 'Head',
  }),
  klWeight: decimal({
    description: 'Weight of the divergence from the pre-trained generator, with trained Full.',
    default: defaultKlWeight,
  }),
}

const allocationStage = object(
  {
    ...stageOptimizer('0.0005', 16, 1),
    requests: integer(1, 10_000_000, { description: 'Requests of an epoch, chosen by seed.', default: 1000 }),
    ...tuning,
    baseline: enumeration(['None', 'Mean'], {
      description: 'What is taken from each marginal contribution: nothing, or the mean of the step.',
      default: 'None',
    }),
    withoutAd: enumeration(['Lists', 'Search'], {
      description:
        'The best list without an ad: the best of the candidate lists without it, searched anew only where all have it; or always searched anew.',
      default: 'Lists',
    }),
  },
  {
    description: 'Policy gradient by marginal contribution (Eq. 31, 32).',
    rules: [
      idleUnless(
        "self.trained == 'Full'",
        { klWeight: tuning.klWeight },
        'trained Head moves the head alone, which nothing has to hold',
      ),
    ],
  },
)

const paymentStage = object(
  {
    ...stageOptimizer('0.001', 64, 100),
    requests: integer(1, 10_000_000, {
      description: 'Requests that prices are learned on, chosen by seed.',
      default: 500,
    }),
    response: enumeration(['ProbabilityRatio', 'Probability', 'Decoded'], {
      description:
        "How the allocation answers a misreport: by the ratio of probabilities z(b')/z(b), by z(b'), or by decoding anew.",
      default: 'ProbabilityRatio',
    }),
    misreports: enumeration(['Published', 'Random'], {
      description:
        'Bids that prices are to make useless, nine of each bidder. Random: multiples of its bids between 0.05 and 3, others for each, every second time another multiple for each ad of an advertiser. Published: the multiples of Psi, 0.2 to 2; what lies between them is not looked at.',
      default: 'Published',
    }),
    multiplier: decimal({ description: 'Lagrange multipliers at the start.', default: '5' }),
    penalty: decimal({ description: 'Weight of squared regret at the start (rho).', default: '1' }),
    penaltyIncrease: decimal({ description: 'Added to the penalty every penaltyIncreaseSteps.', default: '5' }),
    multiplierSteps: integer(1, 1_000_000, {
      description: 'Steps between two updates of the multipliers.',
      default: 100,
    }),
    penaltyIncreaseSteps: integer(1, 10_000_000, {
      description: 'Steps between two increases of the penalty.',
      default: 10_000,
    }),
    valuations: integer(1, 100, { description: 'Draws of the values of a request (N_v).', default: 1 }),
    valueJitter: decimal({
      description: 'Log-normal deviation of these draws around the bids; 0: the bids themselves.',
      default: '0',
    }),
  },
  { description: 'The payment network by augmented Lagrangian (Eq. 33 to 35).' },
)

/** What L_DC alone reads. */
const consistencyFields = {
  consistencyWarmupSteps: integer(0, 10_000_000, {
    description: 'Steps over which consistencyWeight rises from 0: a ranker that has learned nothing must not teach.',
    default: 200,
  }),
  temperature: decimal({ description: "Temperature of the ranker's distribution in L_DC.", default: '1' }),
}

const ownCandidates = integer(0, 1000, {
  description: "Candidates that are the generator's own best ads at the time, instead of drawn ones.",
  default: 0,
})

const rankingStage = object(
  {
    ...stageOptimizer('0.001', 64, 10),
    patienceEpochs: integer(0, 10_000, {
      description: 'Epochs without a better validation after which training ends; 0: never early.',
      default: 3,
    }),
    multiTokenWeight: decimal({ description: 'Weight of the multi-token prediction loss (L_MTP).', default: '1' }),
    rankWeight: decimal({
      description: 'Weight of the pairwise ranking loss on eCPM (L_rank), which alone teaches the ranking decoder.',
      default: '1',
    }),
    consistencyWeight: decimal({
      description:
        "Weight of the distribution consistency loss (L_DC), which draws the generator to the ranker's order; 0: none.",
      default: '0.1',
    }),
    ...consistencyFields,
    labels: enumeration(['RewardModel', 'Logged'], {
      description:
        'eCPM that candidates are ranked by. RewardModel: by the pCTR of the stage reward, of every candidate. Logged: by clicks and conversions, of entries that were shown alone.',
      default: 'RewardModel',
    }),
    ownCandidates,
    clickedWeight: optional(
      decimal({
        description:
          'Weight of what was clicked in L_MTP, beside what was taken next, which has 1. Of order Joint alone: after a stage pretrain its clickedWeight goes on. Default: 1.',
      }),
    ),
  },
  {
    description: 'The ranking decoder, with the generator that it ranks for.',
    rules: [
      { rule: 'double(self.temperature) > 0.0', message: 'temperature must be above 0' },
      {
        rule: 'double(self.rankWeight) > 0.0',
        message:
          'rankWeight must be above 0, as nothing else teaches the ranking decoder: to do without, leave out the stage and set model.oneRanker.ranking to false',
      },
      idleUnless('double(self.consistencyWeight) > 0.0', consistencyFields, 'consistencyWeight 0 leaves L_DC out'),
      idleUnless(
        "self.labels != 'Logged' || double(self.consistencyWeight) > 0.0",
        { ownCandidates },
        'labels Logged says nothing of candidates that were not shown, and consistencyWeight 0 leaves out L_DC, which would',
      ),
    ],
  },
)

export const trainingStages = object(
  {
    order: enumeration(['Phases', 'Joint'], {
      description:
        'Phases: one stage after the other. Joint: all from the start; EGA-V2 takes a step of each in turn (the single stage of the paper), OneRanker learns all losses in the stage ranking.',
      default: 'Phases',
    }),
    pretrain: optional(pretrainStage),
    reward: optional(rewardStage),
    allocation: optional(allocationStage),
    ranking: optional(rankingStage),
    payment: optional(paymentStage),
  },
  {
    description:
      'Stages that are trained, in this order; with architectures EGAV2 (all but ranking) and OneRanker (all but allocation).',
    rules: [
      {
        rule: 'has(self.pretrain) || has(self.reward) || has(self.ranking)',
        message: 'give at least one of pretrain, reward and ranking',
      },
      {
        rule: '!has(self.allocation) || (has(self.pretrain) && has(self.reward))',
        message: 'allocation needs pretrain and reward before it',
      },
      idleUnless(
        "!has(self.allocation) || self.order != 'Joint'",
        tuning,
        'order Joint tunes the whole generator in stage allocation, and holds it by nothing',
        'self.allocation',
      ),
      {
        rule: "!has(self.ranking) || self.order == 'Joint' || has(self.pretrain)",
        message: 'ranking needs pretrain before it, or order Joint',
      },
      {
        rule: "!has(self.ranking) || self.ranking.labels == 'Logged' || has(self.reward)",
        message: 'ranking needs reward before it, or labels Logged',
      },
      {
        rule: "!has(self.ranking) || !has(self.ranking.clickedWeight) || self.order == 'Joint'",
        message: 'ranking.clickedWeight is of order Joint; give pretrain.clickedWeight, which goes on in ranking',
      },
      {
        rule: "!has(self.pretrain) || 'Exposed' in self.pretrain.targets || has(self.ranking) || double(self.pretrain.clickedWeight) == 1.0",
        message: 'pretrain.clickedWeight weighs clicks of exposed lists; leave it out, or add Exposed to targets',
      },
      {
        rule: '!has(self.payment) || (has(self.reward) && (has(self.pretrain) || has(self.ranking)))',
        message: 'payment needs reward and a generator (pretrain, or ranking of order Joint) before it',
      },
    ],
  },
)

/** What goes together of `model` and `stages`; `self` is the spec of a TrainingRun. */
export const stageRules = [
  {
    rule: "(self.model.architecture != 'DecoderOnly') == has(self.stages)",
    message: 'stages are needed with architectures EGAV2 and OneRanker, and go with them only',
  },
  {
    rule: "!has(self.stages) || !has(self.stages.allocation) || self.model.architecture == 'EGAV2'",
    message: 'allocation is a stage of architecture EGAV2 only; leave it out',
  },
  {
    rule: "!has(self.stages) || !has(self.stages.allocation) || !has(self.model.ega) || self.model.ega.allocation != 'Cascade'",
    message: 'stage allocation tunes the search for lists, and model.ega.allocation Cascade has none; leave it out',
  },
  {
    rule: "!has(self.stages) || !has(self.stages.payment) || !has(self.model.ega) || self.model.ega.allocation != 'Cascade'",
    message:
      'stage payment learns prices of lists that are searched, and model.ega.allocation Cascade has none; leave it out',
  },
  {
    rule: "!has(self.stages) || !has(self.stages.ranking) || self.model.architecture == 'OneRanker'",
    message: 'ranking is a stage of architecture OneRanker only; leave it out',
  },
  {
    rule: "!has(self.stages) || self.stages.order != 'Joint' || self.model.architecture != 'EGAV2' || (has(self.stages.pretrain) && has(self.stages.reward) && has(self.stages.payment))",
    message: 'order Joint of EGAV2 needs pretrain, reward and payment',
  },
  {
    rule: "!has(self.stages) || self.stages.order != 'Joint' || self.model.architecture != 'OneRanker' || (has(self.stages.ranking) && !has(self.stages.pretrain))",
    message: 'order Joint of OneRanker needs ranking, which learns all losses from the start; leave out pretrain',
  },
  {
    rule: '!has(self.stages) || !has(self.model.oneRanker) || !self.model.oneRanker.ranking || !has(self.stages.pretrain) || has(self.stages.ranking)',
    message: 'the ranking decoder is trained in stage ranking; give it, or set model.oneRanker.ranking to false',
  },
  {
    rule: '!has(self.stages) || !has(self.stages.ranking) || !has(self.model.oneRanker) || self.model.oneRanker.ranking',
    message: 'stage ranking trains the ranking decoder; leave it out, or set model.oneRanker.ranking to true',
  },
  {
    rule: '!has(self.stages) || !has(self.stages.ranking) || !has(self.model.oneRanker) || self.model.oneRanker.refinement || double(self.stages.ranking.consistencyWeight) == 0.0',
    message:
      'stages.ranking.consistencyWeight draws the value tokens of step 2 to the ranker; set it to "0" where model.oneRanker.refinement is false',
  },
  {
    rule: '!has(self.stages) || !has(self.stages.ranking) || !has(self.model.oneRanker) || self.model.oneRanker.refinement || self.stages.ranking.ownCandidates == 0',
    message:
      'stages.ranking.ownCandidates are proposed by the value tokens of step 2; set it to 0 where model.oneRanker.refinement is false',
  },
  {
    rule: '!has(self.stages) || !has(self.stages.ranking) || !has(self.model.oneRanker) || self.stages.ranking.ownCandidates < self.model.oneRanker.candidates',
    message: 'stages.ranking.ownCandidates must be below model.oneRanker.candidates',
  },
  {
    rule: '!has(self.model.oneRanker) || double(self.model.oneRanker.semanticIdWeight) > 0.0 || double(self.optimizer.labelSmoothing) == 0.0',
    message: 'optimizer.labelSmoothing is of semantic ids; leave it out where model.oneRanker.semanticIdWeight is 0',
  },
]
