import { Type } from 'typebox'
import { listBounds, paymentRules } from './auction-terms.ts'
import { boolean, decimal, enumeration, integer, object, optional, setList } from './schema.ts'

/** Parts of a TrainingRun's spec that are of EGA-V2 alone. Defaults follow the paper where it states them. */

const widths = (description: string) =>
  Type.Array(Type.Integer({ minimum: 1, maximum: 4096, format: 'int32' }), {
    description,
    minItems: 1,
    maxItems: 8,
    default: [128, 32, 10],
    'x-kubernetes-list-type': 'atomic',
  })

export const listConstraints = object(
  { ...listBounds, minGap: integer(0, 1000, { description: 'Organic items between two ads at least.', default: 0 }) },
  { description: 'Rules that every list keeps; what is absent has no bound.', default: {} },
)

const bidding = object(
  {
    weights: enumeration(['TokenBids', 'None'], {
      description:
        'TokenBids: bids weigh the probabilities of codes (Eq. 21, 22). None: bids only count when a list is chosen.',
      default: 'TokenBids',
    }),
    alpha: decimal({ description: 'How much bids matter: w = b^alpha + beta.', default: '1.2' }),
    beta: decimal({ description: 'Weight of what bids nothing; more of it means fewer ads.', default: '2' }),
    aggregate: enumeration(['Max', 'Average'], {
      description: 'Bid of a code from those of the ads behind it.',
      default: 'Max',
    }),
    // Without a default, so that a run from before there was a choice keeps its input digest.
    bids: optional(
      enumeration(['Request', 'Expected'], {
        description:
          'Request, or absent: codes are weighed by the bids of the request. Expected: by the mean logged bid of each ad; the bids of the request then only choose among the lists, so that no ad moves the lists by its own bid.',
      }),
    ),
    scope: enumeration(['Prefix', 'Unconditional'], {
      description:
        'Prefix: the eligible ads below a code given the codes before it. Unconditional: all eligible ads with this code, as the equation is printed.',
      default: 'Prefix',
    }),
  },
  {
    description: 'How bids enter the decoding. Bids are divided by their mean over the training part first.',
    default: {},
    rules: [{ rule: 'double(self.alpha) + double(self.beta) > 0.0', message: 'alpha and beta must not both be 0' }],
  },
)

const objective = object(
  {
    conversion: decimal({ description: 'Weight of pCVR times pCTR of all entries.', default: '0' }),
    organic: decimal({ description: 'Value of a click on an organic item, in units of the mean bid.', default: '0' }),
  },
  { description: 'What a list is worth beside the sum of bids times pCTR of its ads (Eq. 24, 31).', default: {} },
)

export const egaModel = object(
  {
    listLength: integer(1, 50, { description: 'Longest list (K).', default: 10 }),
    creativePrediction: enumeration(['MTP', 'NextToken'], {
      description:
        'MTP: a block of its own predicts the creative of an item (Figure 2). NextToken: items and creatives are one sequence.',
      default: 'MTP',
    }),
    historyTokens: enumeration(['Flattened', 'Summed'], {
      description: 'Flattened: item, separator and creative of a behaviour are three positions. Summed: one position.',
      default: 'Flattened',
    }),
    allocation: enumeration(['Generative', 'Cascade'], {
      description:
        'Generative: beam search over lists, the reward model picks one. Cascade: the generator recalls ads, a click model without context ranks them by bid times pCTR, and ads take the slots that the constraints allow.',
      default: 'Generative',
    }),
    candidateLists: integer(1, 512, { description: 'Lists that the reward model picks from (N_S).', default: 64 }),
    bidding,
    objective,
    constraints: listConstraints,
    paymentRule: enumeration(paymentRules, {
      description: 'Price that lists are served and judged with unless others are asked.',
      default: 'PaymentNetwork',
    }),
    reward: object(
      {
        hiddenSize: integer(8, 1024, { description: 'Width.', default: 64 }),
        heads: integer(1, 64, { description: 'Attention heads.', default: 4 }),
        towers: widths('Widths of the layers of a tower.'),
        positions: boolean({ description: 'Whether the model knows the slot of an entry.', default: true }),
        context: enumeration(['Permutation', 'Pointwise'], {
          description: 'Permutation: entries of a list attend to one another. Pointwise: each is judged alone.',
          default: 'Permutation',
        }),
      },
      {
        description: 'The reward model (Eq. 18 to 20).',
        default: {},
        rules: [{ rule: 'self.hiddenSize % self.heads == 0', message: 'hiddenSize must be a multiple of heads' }],
      },
    ),
    payment: object(
      {
        hidden: widths('Widths of the hidden layers.'),
        price: enumeration(['Rate', 'Threshold'], {
          description:
            'Rate: a share of the bid (Eq. 25). Threshold: a multiple of what the others lose by the ad among the candidate lists, and never more than the bid.',
          default: 'Rate',
        }),
        seesOwnBid: boolean({
          description: 'Whether the rate of an ad may depend on its own bid beside what the allocation tells of it.',
          default: false,
        }),
      },
      { description: 'The payment network (Eq. 25, 26).', default: {} },
    ),
  },
  { description: 'Of EGA-V2; only with that architecture.' },
)

const stageOptimizer = (learningRate: string, batchSize: number, maxEpochs: number) => ({
  maxEpochs: integer(1, 10_000, { description: 'Passes over the data of this stage at most.', default: maxEpochs }),
  learningRate: decimal({ description: 'Highest learning rate.', default: learningRate }),
  batchSize: integer(1, 65_536, { description: 'Requests of a step.', default: batchSize }),
})

const pretrainStage = object(
  {
    targets: setList(Type.Unsafe<'Exposed' | 'NextItems'>({ type: 'string', enum: ['Exposed', 'NextItems'] }), 2, {
      description: 'Exposed: lists as they were shown. NextItems: what users took next.',
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
      description: 'Epochs without a better validation loss; 0: never early.',
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

const allocationStage = object(
  {
    ...stageOptimizer('0.0005', 16, 1),
    requests: integer(1, 10_000_000, { description: 'Requests of an epoch, chosen by seed.', default: 1000 }),
    trained: enumeration(['Head', 'Full'], {
      description: 'Head: the weighted item head alone (Figure 3). Full: the whole generator, held by klWeight.',
      default: 'Head',
    }),
    klWeight: decimal({ description: 'Weight of the divergence from the pre-trained generator.', default: '0.1' }),
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
  { description: 'Policy gradient by marginal contribution (Eq. 31, 32).' },
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

export const egaStages = object(
  {
    order: enumeration(['Phases', 'Joint'], {
      description:
        'Phases: one stage after the other. Joint: a step of each in turn, all from the start (the single stage of the paper).',
      default: 'Phases',
    }),
    pretrain: optional(pretrainStage),
    reward: optional(rewardStage),
    allocation: optional(allocationStage),
    payment: optional(paymentStage),
  },
  {
    description: 'Stages of EGA-V2 that are trained, in this order; only with that architecture.',
    rules: [
      {
        rule: 'has(self.pretrain) || has(self.reward)',
        message: 'give at least one of pretrain and reward',
      },
      {
        rule: '!has(self.allocation) || (has(self.pretrain) && has(self.reward))',
        message: 'allocation needs pretrain and reward before it',
      },
      {
        rule: '!has(self.payment) || (has(self.pretrain) && has(self.reward))',
        message: 'payment needs pretrain and reward before it',
      },
      {
        rule: "self.order != 'Joint' || (has(self.pretrain) && has(self.reward) && has(self.payment))",
        message: 'order Joint needs pretrain, reward and payment',
      },
    ],
  },
)
