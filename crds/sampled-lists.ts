import type { Static } from 'typebox'
import { Type } from 'typebox'
import { modelReference } from './model-reference.ts'
import { boolean, decimal, enumeration, integer, object, optional, setList, text } from './schema.ts'

/** What the eCPM of a candidate counts for. */
export const gains = ['RankNormalised', 'Quantile'] as const

const graded = object(
  {
    gain: enumeration(gains, {
      description:
        'RankNormalised: the share of the other candidates of the list that are worth less. Quantile: 2^r - 1, where r counts the quantiles over all lists that the eCPM exceeds.',
      default: 'RankNormalised',
    }),
    levels: integer(2, 10, { description: 'Parts that Quantile cuts the eCPM of all candidates into.', default: 5 }),
    judge: optional(
      enumeration(['Truth', 'HeldOut'], {
        description:
          'Whose chances of a click make the eCPM: the hidden truth of a simulated marketplace, or the evaluator. Default: Truth where the Dataset has one.',
      }),
    ),
    evaluator: optional(
      modelReference(
        'TrainingRun whose reward model is the held-out judge; where market names one, that is the judge, and none is to be named here.',
      ),
    ),
    organicValue: decimal({
      description: 'Value of a click on an organic item, in units of the mean bid.',
      default: '0',
    }),
  },
  {
    description:
      'NDCG by eCPM, the bid times the chance of a click, and hits weighed by the eCPM of the target. Needs a Dataset with ads and bids.',
  },
)

/** `spec.sampledLists` of an Evaluation. */
export const sampledLists = object(
  {
    targets: enumeration(['NextItem', 'Click'], {
      description:
        'What is to be found. NextItem: what users took next in the split. Click: what was clicked in the logged lists of the split.',
      default: 'NextItem',
    }),
    listSize: integer(2, 1000, {
      description: 'Candidates of a list, the target among them; fewer only where there are no more.',
      default: 30,
    }),
    cutoffs: setList(Type.Integer({ minimum: 1, maximum: 1000, format: 'int32' }), 8, {
      description: 'List lengths K of the metrics.',
      default: [1, 3, 5, 10, 15],
      minItems: 1,
    }),
    negatives: enumeration(['Popularity', 'Uniform', 'Request'], {
      description:
        'What stands against the target. Popularity: items in proportion to their training interactions. Uniform: any items. Request: eligible ads and organic items of the logged request. The first two leave out what the user had.',
      default: 'Popularity',
    }),
    among: optional(
      enumeration(['Items', 'Ads'], {
        description:
          'What targets and candidates may be. Ads: what is advertised alone, as a ranker of ads is judged; needs a Dataset with ads. Default: Items.',
      }),
    ),
    addBids: optional(
      boolean({
        description:
          'Whether a OneRanker without step 3 orders by its score and the logarithm of the bid, as one with step 3 does and as its own auctions do; other architectures are refused. Default: false, its score alone.',
      }),
    ),
    lists: optional(integer(1, 10_000_000, { description: 'Lists at most, drawn by seed; absent: one a target.' })),
    graded: optional(graded),
    seed: integer(0, 2_147_483_647, { description: 'Seed of the lists, and of breaking ties in them.', default: 1 }),
  },
  {
    description:
      'Judges by short lists of a target and sampled candidates, the protocol of OneRanker. Such numbers look high: status and metrics name list size and chance level with them. Never compare them with full ranking.',
    rules: [
      {
        rule: "self.negatives != 'Request' || self.targets == 'Click'",
        message: 'negatives Request needs targets Click: only clicks are of a request',
      },
      {
        rule: 'self.cutoffs.all(k, k <= self.listSize)',
        message: 'no cutoff may exceed listSize',
      },
    ],
  },
)

/** `status.sampledLists` of an Evaluation. */
export const sampledStatus = object(
  {
    lists: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Lists that were ranked.' }),
    skipped: integer(0, Number.MAX_SAFE_INTEGER, {
      description: 'Targets that nothing could be sampled to stand against.',
    }),
    listSize: integer(0, 1000, { description: 'Candidates of the longest list.' }),
    meanListSize: text(32, { description: 'Candidates of a list, over all.' }),
    negatives: text(32, { description: 'What stands against the target.' }),
    judge: optional(text(16, { description: 'Whose clicks make the eCPM.' })),
    ungraded: optional(
      integer(0, Number.MAX_SAFE_INTEGER, {
        description: 'Lists whose candidates all have one gain, which count in no graded metric.',
      }),
    ),
    unmeasured: optional(
      setList(text(64, { description: 'Metric.' }), 64, { description: 'Metrics that have no value here.' }),
    ),
  },
  { description: 'How the sampled lists came out. The chance level of each metric is among metrics, as `Chance ...`.' },
)

export type SampledEvaluation = Static<typeof sampledLists>
export type SampledStatus = Static<typeof sampledStatus>
