import { Type } from 'typebox'
import { gateRules, metricName } from '../evaluation-metrics.ts'
import { defineKind, type ObjectOf } from '../kind.ts'
import { marketEvaluation, marketStatus, offPolicyEvaluation, offPolicyStatus } from '../market-evaluation.ts'
import { modelReference } from '../model-reference.ts'
import {
  messageColumn,
  progressColumn,
  runPolicy,
  runPolicyFields,
  runStatus,
  stateColumn,
  ttlSecondsAfterFinished,
} from '../run.ts'
import { sampledLists, sampledStatus } from '../sampled-lists.ts'
import {
  boolean,
  enumeration,
  integer,
  keyedList,
  object,
  optional,
  reference,
  setList,
  signedDecimal,
  text,
} from '../schema.ts'

export const baselines = ['PopRec', 'ItemCF'] as const

/** Measures a model by full ranking over the catalogue beside baselines, on sampled lists, and as a marketplace, on the same split. */
export const evaluation = defineKind({
  kind: 'Evaluation',
  plural: 'evaluations',
  shortNames: ['eval'],
  description:
    'Measures a model on a split of a Dataset, with intervals: by full ranking over the catalogue beside baselines, with sampledLists by short lists of sampled candidates, and with market by the lists that it allocates and prices; and judges gates. An evaluation that ran well and failed a gate is Ready and not Passed.',
  spec: object(
    {
      model: modelReference('What is measured.'),
      champion: optional(
        modelReference(
          'Model that it is compared with, on the very same cases. Items are matched by id where it learned another revision; those that it does not know are never recommended by it.',
        ),
      ),
      datasetRef: reference({ description: 'Dataset that it is measured on.' }),
      split: enumeration(['Validation', 'Test'], { description: 'Part that is measured.', default: 'Test' }),
      // Without a default, so that an Evaluation from before there was a choice keeps its input digest.
      ranking: optional(
        enumeration(['Full', 'None'], {
          description:
            'Full, or absent: every target is ranked among the whole catalogue. None: the catalogue is not ranked; for an Evaluation of sampled lists or of the marketplace alone.',
        }),
      ),
      cutoffs: setList(Type.Integer({ minimum: 1, maximum: 1000, format: 'int32' }), 8, {
        description: 'List lengths K of Recall@K and NDCG@K.',
        default: [5, 10],
        minItems: 1,
      }),
      beamSize: integer(1, 1000, {
        description:
          'Beams of the decoding; raised to the largest cutoff plus the longest history where it is smaller.',
        default: 50,
      }),
      baselines: setList(
        Type.Unsafe<(typeof baselines)[number]>({ type: 'string', enum: [...baselines] }),
        baselines.length,
        { description: 'PopRec: by popularity. ItemCF: sequential co-occurrence, no learning.', default: ['PopRec'] },
      ),
      sampledLists: optional(sampledLists),
      market: optional(marketEvaluation),
      offPolicy: optional(offPolicyEvaluation),
      bootstrapSamples: integer(100, 100_000, { description: 'Resamples of the 95 % intervals.', default: 1000 }),
      seed: integer(0, 2_147_483_647, { description: 'Seed of resampling and of breaking ties.', default: 1 }),
      gates: optional(
        keyedList(
          object(
            {
              name: Type.String({ description: 'Name of the gate.', minLength: 1, maxLength: 63 }),
              metric: metricName(
                'Metric that is judged, such as Recall@10 or Sampled/HR@5, whose cutoff must be among cutoffs, or Truth/RPM, whose judge must be at work.',
              ),
              min: optional(signedDecimal({ description: 'Least value.' })),
              max: optional(signedDecimal({ description: 'Largest value.' })),
              minRelativeToBaseline: optional(
                object(
                  {
                    baseline: enumeration(baselines, { description: 'Baseline, which must be among baselines.' }),
                    value: signedDecimal({
                      description: 'Least relative gain over the baseline: 0.1 asks for a tenth more; 0 for no less.',
                    }),
                  },
                  { description: 'Gain over a baseline, by the paired bootstrap.' },
                ),
              ),
              minDifferenceToChampion: optional(
                signedDecimal({
                  description:
                    'Least value of the metric less that of the champion, by the paired bootstrap: -0.001 allows for a loss of so much, 0 for none. It needs champion.',
                }),
              ),
              judgedBy: enumeration(['IntervalBound', 'Estimate'], {
                description:
                  'IntervalBound: the worse end of the 95 % interval must clear the gate. Estimate: the mean must.',
                default: 'IntervalBound',
              }),
            },
            {
              description: 'A condition for Passed.',
              rules: [
                {
                  rule: 'has(self.min) || has(self.max) || has(self.minRelativeToBaseline) || has(self.minDifferenceToChampion)',
                  message: 'give at least one of min, max, minRelativeToBaseline and minDifferenceToChampion',
                },
                {
                  rule: '!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)',
                  message: 'min must not exceed max',
                },
              ],
            },
          ),
          'name',
          16,
          { description: 'What must hold for Passed; without gates every evaluation that ran passes.' },
        ),
      ),
      ...runPolicy,
      ttlSecondsAfterFinished,
    },
    {
      description: 'What is wanted.',
      rules: [
        ...gateRules,
        {
          rule: '!has(self.gates) || self.gates.all(g, !has(g.minRelativeToBaseline) || g.minRelativeToBaseline.baseline in self.baselines)',
          message: 'the baseline of every gate must be among baselines',
        },
        {
          rule: 'has(self.champion) || !has(self.gates) || self.gates.all(g, !has(g.minDifferenceToChampion))',
          message: 'a gate with minDifferenceToChampion needs champion',
        },
        {
          rule: "!has(self.ranking) || self.ranking == 'Full' || has(self.market) || has(self.sampledLists)",
          message: 'with ranking None there must be market or sampledLists, or nothing is measured',
        },
        {
          rule: '!has(self.market) || !has(self.market.evaluator) || !has(self.sampledLists) || !has(self.sampledLists.graded) || !has(self.sampledLists.graded.evaluator)',
          message: 'name the evaluator once: that of market judges the sampled lists too',
        },
        { rule: '!has(self.offPolicy) || has(self.market)', message: 'offPolicy needs market' },
      ],
    },
  ),
  status: runStatus({
    summary: optional(text(256, { description: 'The first metric of the model, with its interval.' })),
    cases: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Targets that were ranked.' })),
    sampledLists: optional(sampledStatus),
    market: optional(marketStatus),
    offPolicy: optional(offPolicyStatus),
    metrics: optional(
      keyedList(
        object(
          {
            name: text(64, {
              description:
                'Metric of the model, such as `Recall@10` or `Truth/RPM`, or `BASELINE Recall@10`, or `Champion Recall@10`; `Chance Sampled/HR@5` is what it is by chance.',
            }),
            value: text(32, { description: 'Mean.' }),
            low: text(32, { description: 'Lower end of the 95 % interval.' }),
            high: text(32, { description: 'Upper end of the 95 % interval.' }),
          },
          { description: 'One metric.' },
        ),
        'name',
        512,
        { description: 'Every metric of the model, the champion and the baselines.' },
      ),
    ),
    comparison: optional(
      keyedList(
        object(
          {
            metric: text(64, { description: 'Metric.' }),
            difference: text(32, { description: 'Model less champion.' }),
            low: text(32, { description: 'Lower end of the 95 % interval.' }),
            high: text(32, { description: 'Upper end of the 95 % interval.' }),
          },
          { description: 'The difference in one metric.' },
        ),
        'metric',
        256,
        { description: 'The model against the champion, by the paired bootstrap over the users of the cases.' },
      ),
    ),
    gates: optional(
      keyedList(
        object(
          {
            name: text(63, { description: 'Name of the gate.' }),
            passed: boolean({ description: 'Whether it holds.' }),
            message: text(1024, { description: 'What was compared.' }),
          },
          { description: 'Outcome of a gate.' },
        ),
        'name',
        16,
        { description: 'Outcome of every gate.' },
      ),
    ),
  }),
  mutableOnceStarted: runPolicyFields,
  columns: [
    stateColumn,
    progressColumn,
    { name: 'Passed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Passed")].status' },
    { name: 'Metric', type: 'string', jsonPath: '.status.summary' },
    messageColumn,
  ],
})

export type Evaluation = ObjectOf<typeof evaluation>
