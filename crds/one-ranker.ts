import { defaultPaymentRule, listConstraints, paymentNetwork, rewardModel } from './ega.ts'
import { idleUnless } from './idle-fields.ts'
import { boolean, decimal, enumeration, integer, object } from './schema.ts'

/**
 * The model of OneRanker in a TrainingRun's spec; layers, sizes and history are those of `model`. Defaults follow the
 * paper where it states them, and every part that it ablates has a switch.
 */

const objective = object(
  {
    conversion: decimal({ description: 'Value of a conversion, in units of the mean bid.', default: '0' }),
    organic: decimal({ description: 'Value of a click on an organic item, in units of the mean bid.', default: '0.1' }),
  },
  {
    description: 'What a click is worth beside the bid of an ad: ads and organic items are ranked by one score.',
    default: {},
    rules: [
      {
        rule: 'double(self.organic) >= 0.01',
        message: 'organic must be at least 0.01: items are ranked by the logarithm of their value',
      },
    ],
  },
)

const centres = enumeration(['Learned', 'Fixed'], {
  description: 'Learned: centres start as k-means of the item vectors and are trained. Fixed: they stay.',
  default: 'Learned',
})

const fakeItemsSee = enumeration(['Tasks', 'FirstTask'], {
  description:
    'Tasks: as in the paper, where a task sees later ones through fake items from the second layer on. FirstTask: they see the first task alone, and nothing leaks.',
  default: 'Tasks',
})

/** What step 2 alone reads. */
const refinementFields = {
  refinementLayers: integer(1, 12, { description: 'Decoder layers of step 2 (N).', default: 2 }),
  valueTokens: integer(1, 8, { description: 'Value tokens, whose scores are averaged.', default: 2 }),
  fakeItems: integer(0, 512, {
    description: 'Fake item tokens: centres of the catalogue (k). 0: items are scored by the semantic channel alone.',
    default: 32,
  }),
  centres,
  attentionOrder: enumeration(['CrossFirst', 'SelfFirst'], {
    description: 'Whether cross-attention comes before self-attention in a layer of step 2.',
    default: 'CrossFirst',
  }),
  selfMask: enumeration(['Heterogeneous', 'Full'], {
    description:
      'Heterogeneous: tasks see themselves and earlier ones, tasks and fake items one another, a fake item no other. Full: all see all.',
    default: 'Heterogeneous',
  }),
  fakeItemsSee,
  taskDecoupling: boolean({
    description: 'Whether each task token has a feed-forward layer and an output head of its own.',
    default: true,
  }),
  semanticIdWeight: decimal({
    description: 'Weight of the semantic id of a target beside its item in the loss of step 2; 0: ids are not learned.',
    default: '1',
  }),
  sampledItems: integer(0, 10_000_000, {
    description:
      'Items that are drawn for each step to tell the targets of step 2 from, where the catalogue is large; 0: the whole catalogue.',
    default: 0,
  }),
}

/** What step 3 alone reads. */
const rankingFields = {
  rankerLayers: integer(1, 12, { description: 'Layers of the ranking decoder.', default: 1 }),
  rankerMemory: enumeration(['Both', 'StepOne'], {
    description: 'What the ranking decoder reads: steps 1 and 2, or step 1 alone.',
    default: 'Both',
  }),
  candidates: integer(2, 1000, {
    description:
      'Ads that the ranking decoder orders of a request, all organic items beside them; candidates of a sample in training (n). More ads are chosen from by step 2; without it all are ordered.',
    default: 30,
  }),
}

const candidateRoute = enumeration(['InnerProduct', 'SemanticIds'], {
  description:
    'Where candidates of the whole catalogue come from. InnerProduct: the highest scores of each head. SemanticIds: the highest probabilities of their codes. Without step 2 the codes are the only way, and there is nothing to choose.',
  default: 'InnerProduct',
})

export const oneRankerModel = object(
  {
    listLength: integer(1, 50, { description: 'Longest list (K).', default: 10 }),
    historyTokens: enumeration(['Flattened', 'Summed'], {
      description: 'Flattened: context and item of a behaviour are two positions. Summed: one position.',
      default: 'Flattened',
    }),
    interestTokens: integer(1, 16, {
      description: 'Interest tokens, and heads that each predict an item to come (m).',
      default: 6,
    }),
    refinement: boolean({
      description: 'Whether task and fake item tokens refine what the backbone generates (step 2).',
      default: true,
    }),
    ...refinementFields,
    ranking: boolean({ description: 'Whether a ranking decoder orders the candidates (step 3).', default: true }),
    ...rankingFields,
    candidateRoute,
    objective,
    constraints: listConstraints,
    paymentRule: defaultPaymentRule,
    reward: rewardModel,
    payment: paymentNetwork,
  },
  {
    description: 'Of OneRanker; only with that architecture.',
    rules: [
      idleUnless('self.refinement', refinementFields, 'refinement false leaves step 2 out'),
      idleUnless('self.refinement', { candidateRoute }, 'refinement false leaves codes as the only way to candidates'),
      idleUnless('self.ranking', rankingFields, 'ranking false leaves step 3 out'),
      idleUnless('self.fakeItems > 0', { centres, fakeItemsSee }, 'fakeItems 0 leaves no fake items'),
      idleUnless("self.selfMask == 'Heterogeneous'", { fakeItemsSee }, 'selfMask Full lets all tokens see all'),
      {
        rule: "self.candidateRoute != 'SemanticIds' || double(self.semanticIdWeight) > 0.0",
        message: 'candidateRoute SemanticIds needs ids that are learned: set semanticIdWeight above 0',
      },
    ],
  },
)
