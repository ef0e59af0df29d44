import type { Static } from 'typebox'
import { Type } from 'typebox'
import { pacingMethods, reserveFields } from './auction-settings.ts'
import { bidders, paymentRule, someWeight } from './auction-terms.ts'
import { listConstraints } from './ega.ts'
import { modelReference } from './model-reference.ts'
import { boolean, decimal, enumeration, integer, object, optional, setList, text } from './schema.ts'

const bestResponse = object(
  {
    rounds: integer(1, 100, {
      description: 'Rounds at most, in each of which every advertiser chooses anew, one after the other.',
      default: 3,
    }),
    grid: setList(Type.String({ maxLength: 24, pattern: '^[0-9]+(\\.[0-9]+)?$' }), 16, {
      description: 'Multipliers of the values to choose from.',
      default: ['0.2', '0.4', '0.6', '0.8', '1'],
      minItems: 2,
    }),
    // Without a default, so that an evaluation from before there was a choice keeps its input digest.
    leastGainPercent: optional(
      decimal({
        description:
          'An advertiser changes its multiplier for a gain of more than this share of its utility, in percent. 0, or absent: for any gain.',
      }),
    ),
  },
  { description: 'How advertisers answer the mechanism.', default: {} },
)

const audit = object(
  {
    maxRequests: integer(0, 100_000, {
      description: 'Requests that are audited at most, the first of those that are measured; 0: none.',
      default: 500,
    }),
    minRequests: integer(1, 100_000, {
      description: 'Requests that are audited before a half-width is believed.',
      default: 50,
    }),
    halfWidthPercent: decimal({
      description: 'The audit ends when the 95 % interval of Psi is no wider than this to either side.',
      default: '0.5',
    }),
    losersPerRequest: integer(0, 10_000, {
      description: 'Bidders that are not listed of each request that are audited too, drawn by seed; winners all are.',
      default: 8,
    }),
    regretStarts: integer(0, 10_000, {
      description:
        'Random starts of the independent search for better bids, under the clicks of each judge: multiples of the values from 0 to 3, ties with rivals, these starts, gradient ascents and a pattern search around the best; an advertiser may bid otherwise for each of its ads. 0: no search.',
      default: 0,
    }),
    searchRequests: optional(
      integer(1, 100_000, {
        description:
          'Audited requests that are searched, the first ones; absent: all. A search tries some hundred bids of each bidder.',
      }),
    ),
    seed: integer(0, 2_147_483_647, { description: 'Seed of the losers and of the search.', default: 1 }),
    bidder: optional(
      enumeration(bidders, {
        description:
          'Who misreports, and whose utility counts. Ad: one ad of a request. Advertiser: an advertiser with all of its ads of the request, by one multiplier. Default: who bids by the model.',
      }),
    ),
  },
  {
    description: 'What advertisers could gain by bidding otherwise, with every list and price computed anew.',
    default: {},
    rules: [
      {
        rule: 'self.maxRequests == 0 || self.minRequests <= self.maxRequests',
        message: 'minRequests must not exceed maxRequests',
      },
      {
        rule: '!has(self.searchRequests) || self.regretStarts > 0',
        message: 'searchRequests needs regretStarts above 0',
      },
    ],
  },
)

/** `spec.market` of an Evaluation. */
export const marketEvaluation = object(
  {
    evaluator: optional(
      modelReference(
        'TrainingRun whose reward model judges the lists too (HeldOut): one that learned from other users, and that no training has seen.',
      ),
    ),
    truth: optional(
      boolean({
        description:
          'Whether the hidden truth of a simulated marketplace judges the lists too (Truth). Default: where the Dataset has one; true is refused where it has none.',
      }),
    ),
    requests: integer(1, 1_000_000, {
      description: 'Logged requests of the split that are held again at most, drawn by the seed of the Evaluation.',
      default: 500,
    }),
    slots: optional(integer(1, 1000, { description: 'Length of the lists; absent: that of the model.' })),
    candidateLists: integer(1, 4096, {
      description:
        'Candidate lists of a request (N_S) of a model that searches them; a cascade and OneRanker make their own few.',
      default: 64,
    }),
    paymentRule: optional(paymentRule('What ads pay. Default: PaymentNetwork where the model has one, else GSP.')),
    alpha: optional(decimal({ description: 'Power of the bids in token weights, in place of that of the model.' })),
    beta: optional(decimal({ description: 'Weight of organic items, in place of that of the model.' })),
    constraints: listConstraints,
    reserves: optional(object(reserveFields, { description: 'Least bids, as serving may have them; absent: none.' })),
    budgets: optional(
      object(
        {
          pacing: enumeration(pacingMethods, {
            description:
              'How spending is spread over the requests, as serving spreads it over a period; spent budgets take no part, whichever it is.',
            default: 'Throttling',
          }),
        },
        {
          description:
            'Holds the requests one after the other in the order of the log, each charged with its payments times the pCTR of the model. A budget of the Dataset, which is over the whole log, counts with the share of all logged requests that is held. Absent: nobody runs out of budget.',
        },
      ),
    ),
    bids: enumeration(['Truthful', 'Logged', 'BestResponse'], {
      description:
        'Truthful: the private values, or the logged bids where no values are known. Logged: the bids of the log. BestResponse: values times a multiplier that each advertiser chooses by its utility; a mechanism that is not truthful is to be judged by it.',
      default: 'Truthful',
    }),
    bestResponse,
    audit,
    utilityFloor: decimal({
      description:
        'Least utility of a winner that counts in Psi, as a share of its value times its clicks; PsiDropped is the share that does not.',
      default: '0.01',
    }),
  },
  {
    description:
      'Judges the model as a marketplace: what its lists earn, by its own reward model and by others, and what they invite advertisers to. Needs a Dataset with logged requests.',
    rules: [someWeight],
  },
)

/** `spec.offPolicy` of an Evaluation. */
export const offPolicyEvaluation = object(
  {
    estimators: setList(Type.Unsafe<'IPS' | 'SNIPS' | 'DR'>({ type: 'string', enum: ['IPS', 'SNIPS', 'DR'] }), 3, {
      description:
        'IPS: inverse propensity scores. SNIPS: self-normalised. DR: doubly robust, with the reward model of the model.',
      default: ['SNIPS', 'DR'],
      minItems: 1,
    }),
    clip: optional(decimal({ description: 'Largest importance weight; absent: none is cut.' })),
    minEffectiveSamples: integer(1, 1_000_000_000, {
      description: 'No estimate is given where the weights are worth fewer equal ones (Kish).',
      default: 1000,
    }),
    minPositives: integer(1, 1_000_000_000, {
      description: 'No estimate is given where it rests on fewer clicks, counted as Kish does.',
      default: 100,
    }),
  },
  {
    description:
      'Clicks per impression that the lists of the model would have had, from what the log shows with its propensities, as spec.advertising.exposures.propensities of the Dataset says what they are. Refused, with a reason in status, where the log says too little.',
  },
)

/** `status.market` of an Evaluation. */
export const marketStatus = object(
  {
    requests: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Requests that were held again.' }),
    skipped: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Requests without anything to show.' }),
    paymentRule: text(32, { description: 'What ads paid.' }),
    judges: setList(text(16, { description: 'Judge.' }), 8, { description: 'Who judged the lists.' }),
    audited: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Requests that were audited.' }),
    bidder: optional(text(16, { description: 'Who misreported in the audit: Ad or Advertiser.' })),
    auditEnded: text(16, {
      description:
        'Precise: the wanted half-width of Psi was reached. Maximum: maxRequests was. Exhausted: all requests are audited.',
    }),
    auditHalfWidth: optional(text(32, { description: 'Half-width of Psi at the end, the widest of the judges.' })),
    biddingRounds: optional(integer(0, 1000, { description: 'BestResponse: rounds that advertisers took.' })),
    biddersMoved: optional(
      integer(0, Number.MAX_SAFE_INTEGER, {
        description: 'BestResponse: advertisers that changed their bids in the last round; 0: they came to rest.',
      }),
    ),
    budgets: optional(
      object(
        {
          advertisers: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Advertisers with a budget.' }),
          ranOut: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Advertisers that spent all of theirs.' }),
          spentShare: text(32, { description: 'Of the sum of budgets, the share that was spent.' }),
          refusedShare: text(32, { description: 'Of the eligible ads, the share that budgets kept out.' }),
        },
        { description: 'What budgets did; absent where they are not heeded.' },
      ),
    ),
    unmeasured: optional(
      setList(text(64, { description: 'Metric.' }), 64, {
        description: 'Metrics that have no value here, such as the return on no spend.',
      }),
    ),
  },
  { description: 'How the marketplace was measured.' },
)

/** `status.offPolicy` of an Evaluation. */
export const offPolicyStatus = object(
  {
    supported: boolean({ description: 'Whether the log says enough for a conclusion.' }),
    message: text(1024, { description: 'Why not, or what the estimates rest on; then what was left out or assumed.' }),
    propensities: optional(
      text(32, {
        description:
          'What the propensities of the log are. Marginal: an entry is weighed by itself. GivenBefore: by all entries down to it.',
      }),
    ),
    rows: integer(0, Number.MAX_SAFE_INTEGER, {
      description: 'Exposed entries that count: with a propensity, in a slot that the list of the model fills.',
    }),
    effectiveSamples: text(32, { description: 'Effective sample size of the weights.' }),
    effectivePositives: text(32, { description: 'Effective number of clicks.' }),
    meanWeight: text(32, { description: 'Mean weight before clipping: about 1 where the propensities are right.' }),
  },
  { description: 'What the log supports.' },
)

export type MarketEvaluation = Static<typeof marketEvaluation>
export type OffPolicyEvaluation = Static<typeof offPolicyEvaluation>
export type MarketStatus = Static<typeof marketStatus>
export type OffPolicyStatus = Static<typeof offPolicyStatus>
