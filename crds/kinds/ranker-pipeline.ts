import { type TProperties, Type } from 'typebox'
import { cutoffIsMeasured } from '../evaluation-metrics.ts'
import { defineKind, type ObjectOf } from '../kind.ts'
import { pipelineStatus } from '../pipeline-status.ts'
import { messageColumn, stateColumn } from '../run.ts'
import {
  boolean,
  decimal,
  digest,
  enumeration,
  integer,
  keyedList,
  object,
  optional,
  type Rule,
  reference,
  signedDecimal,
} from '../schema.ts'
import { evaluation } from './evaluation.ts'
import { tokenizerBuild } from './tokenizer-build.ts'
import { trainingRun } from './training-run.ts'

/** What the pipeline itself says of a child: what it works on, whether it rests, and when it goes. */
const filledIn = ['datasetRef', 'tokenizerRef', 'model', 'warmStart', 'reuse', 'champion'] as const
const governed = ['suspend', 'ttlSecondsAfterFinished'] as const

function without<P extends TProperties, K extends string>(properties: P, names: readonly K[]): Omit<P, K> {
  const left = new Set<string>(names)
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !left.has(name))) as Omit<P, K>
}

/** The rules of a whole spec that speak of nothing which the template lacks. */
function rulesOf(spec: object, kept: readonly string[] = []): Rule[] {
  const { 'x-kubernetes-validations': rules = [] } = spec as { 'x-kubernetes-validations'?: Rule[] }
  const lacking = filledIn.filter((field) => !kept.includes(field))
  return rules.filter(({ rule }) => !lacking.some((field) => rule.includes(`self.${field}`)))
}

const maxPsi = decimal({
  description:
    'Largest population stability index that is no drift; 0.1 is commonly read as a small shift, 0.25 as a large one.',
})

const onlineMetrics = ['ctr', 'revenuePerRequest', 'errorRate', 'emptyListShare'] as const

/** Keeps a ranker trained: runs per trigger, a champion and its lineage. */
export const rankerPipeline = defineKind({
  kind: 'RankerPipeline',
  plural: 'rankerpipelines',
  shortNames: ['rp'],
  description:
    'Trains a ranker again when its data or its spec change, on a schedule, on drift or on request; judges each model against the champion and promotes the better one. RankerDeployments follow the champion. The operator writes nothing but status here: what is in Git stays as it is.',
  spec: object(
    {
      datasetRef: reference({ description: 'Dataset that every run learns and is measured on.' }),
      triggers: object(
        {
          onDatasetRevision: boolean({
            description: 'A new revision of the Dataset asks for a run; so does the first one.',
            default: true,
          }),
          onTemplateChange: boolean({
            description:
              'A change of a template that changes its result asks for a run (workerPoolRef, backoffLimit and the like change none).',
            default: true,
          }),
          schedules: optional(
            keyedList(
              object(
                {
                  name: Type.String({ description: 'Name of the schedule.', minLength: 1, maxLength: 63 }),
                  cron: Type.String({
                    description:
                      'Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly. Where clocks are put forward over a fixed time, it is due right after; where they are put back, the first time counts.',
                    maxLength: 128,
                    pattern: '^(@(hourly|daily|weekly|monthly|yearly)|\\S+( +\\S+){4})$',
                  }),
                  timeZone: Type.String({
                    description: 'Time zone of the IANA database, such as Europe/Berlin.',
                    maxLength: 64,
                    pattern: '^[A-Za-z0-9_+/-]+$',
                    default: 'UTC',
                  }),
                },
                { description: 'Asks for a run at these times.' },
              ),
              'name',
              16,
              { description: 'Times at which a run is asked for. Of several that were missed the latest counts.' },
            ),
          ),
          drift: optional(
            object(
              {
                itemPopularity: optional(
                  object(
                    { maxPsi },
                    {
                      description:
                        'Popularity of items in the present Dataset revision against that which the champion learned.',
                    },
                  ),
                ),
                scores: optional(
                  object(
                    { maxPsi },
                    { description: 'Scores that the champion gives online against those at the start of its service.' },
                  ),
                ),
                codes: optional(
                  object(
                    { maxPsi },
                    {
                      description:
                        'First codes of the items that users come from, as requests to the champion tell them, against those at the start of its service.',
                    },
                  ),
                ),
                onlineMetrics: optional(
                  keyedList(
                    object(
                      {
                        metric: enumeration(onlineMetrics, {
                          description: 'Measured by a RankerDeployment that serves the champion.',
                        }),
                        min: optional(decimal({ description: 'A lower value is drift.' })),
                        max: optional(decimal({ description: 'A higher value is drift.' })),
                      },
                      {
                        description: 'Bounds of one metric.',
                        rules: [
                          { rule: 'has(self.min) || has(self.max)', message: 'give at least one of min and max' },
                        ],
                      },
                    ),
                    'metric',
                    onlineMetrics.length,
                    { description: 'Metrics of the service.' },
                  ),
                ),
              },
              { description: 'Asks for a run when the world has moved away from what the champion learned.' },
            ),
          ),
        },
        {
          description: 'What asks for a run. What asks at the same time, or while none can start, makes one run.',
          default: {},
          rules: [
            {
              rule: '!has(self.drift) || !has(self.drift.itemPopularity) || !self.onDatasetRevision',
              message:
                'drift.itemPopularity compares Dataset revisions, and every new one asks for a run already; set onDatasetRevision to false',
            },
          ],
        },
      ),
      concurrencyPolicy: enumeration(['Allow', 'Forbid', 'Replace'], {
        description:
          'What happens to a trigger while a run is on. Forbid: it waits, and all that wait make one run. Replace: the run is stopped and a new one started. Allow: both run, eight at most.',
        default: 'Forbid',
      }),
      startingDeadlineSeconds: optional(
        integer(1, 31_536_000, {
          description: 'A schedule whose run could not start this long after its time is passed over; absent: never.',
        }),
      ),
      minimumIntervalSeconds: integer(0, 31_536_000, {
        description: 'Least time between the starts of two runs; a request by annotation does not wait for it.',
        default: 0,
      }),
      successfulRunsHistoryLimit: integer(0, 50, {
        description:
          'Runs that came to an end of their own, promoted or not, that are kept; those of champion and candidate always are.',
        default: 3,
      }),
      failedRunsHistoryLimit: integer(0, 50, {
        description: 'Runs that failed or were stopped that are kept.',
        default: 1,
      }),
      suspend: boolean({
        description:
          'Stops runs within seconds, starts none and promotes none by itself; what a person asks for by adloom.dev/promote is done. Runs go on from their checkpoints when set back to false.',
        default: false,
      }),
      tokenizerTemplate: object(without(tokenizerBuild.spec.properties, [...filledIn, ...governed]), {
        description: 'TokenizerBuild of every run.',
        default: {},
        rules: rulesOf(tokenizerBuild.spec),
      }),
      trainingTemplate: object(
        {
          ...without(trainingRun.spec.properties, [...filledIn, ...governed]),
          // The architecture, of the name that is a reference in an Evaluation.
          model: trainingRun.spec.properties.model,
        },
        { description: 'TrainingRun of every run.', default: {}, rules: rulesOf(trainingRun.spec, ['model']) },
      ),
      warmStart: enumeration(['None', 'Champion'], {
        description: 'Whether training starts from the weights of the champion, as far as they fit.',
        default: 'None',
      }),
      tokenizer: object(
        {
          policy: enumeration(['Rebuild', 'ReuseChampion'], {
            description:
              'Rebuild: every run learns its codebooks anew. ReuseChampion: those of the champion are kept and new items coded with them, so that known items keep their codes.',
            default: 'Rebuild',
          }),
          maxUnseenItemsPercent: integer(0, 100, {
            description:
              'ReuseChampion: beyond this share of items that the codebooks were not learned from they are learned anew.',
            default: 10,
          }),
        },
        { description: 'When the tokenizer of the champion is kept.', default: {} },
      ),
      evaluationTemplate: object(without(evaluation.spec.properties, [...filledIn, ...governed]), {
        description: 'Evaluation of every run; its gates decide whether a model passed.',
        default: {},
        rules: rulesOf(evaluation.spec),
      }),
      promotion: object(
        {
          policy: enumeration(['Automatic', 'Manual'], {
            description:
              'Automatic: a model that passed becomes the champion. Manual: it waits as the candidate until approvedDigest names it.',
            default: 'Automatic',
          }),
          approvedDigest: optional(
            digest({
              description:
                'Manual: the model that is to be the champion: the candidate, or a former champion to go back to. A value is followed once.',
            }),
          ),
          requirePassed: boolean({
            description: 'Whether the Evaluation must be Passed.',
            default: true,
          }),
          minimumDifferences: optional(
            keyedList(
              object(
                {
                  metric: evaluation.spec.properties.gates.items.properties.metric,
                  value: signedDecimal({
                    description:
                      'Least difference to the champion: 0 for no loss, -0.002 to allow for one of that size.',
                    default: '0',
                  }),
                  judgedBy: evaluation.spec.properties.gates.items.properties.judgedBy,
                },
                { description: 'How much better than the champion a model must be in one metric.' },
              ),
              'metric',
              8,
              {
                description:
                  'Paired comparison of model and champion on the same cases; where there is no champion, none is needed.',
              },
            ),
          ),
        },
        {
          description: 'When a model becomes the champion.',
          default: {},
          rules: [
            {
              rule: "!has(self.approvedDigest) || self.policy == 'Manual'",
              message: 'approvedDigest goes with policy Manual only',
            },
          ],
        },
      ),
    },
    {
      description: 'What is wanted.',
      rules: [
        {
          rule: `!has(self.promotion.minimumDifferences) || self.promotion.minimumDifferences.all(d, ${cutoffIsMeasured('d.metric', 'self.evaluationTemplate')})`,
          message: 'the cutoff of every minimum difference must be among evaluationTemplate.cutoffs',
        },
        {
          rule: "self.warmStart == 'None' || self.trainingTemplate.model.architecture == 'DecoderOnly'",
          message: 'architectures EGAV2 and OneRanker start from their own stages; set warmStart to None',
        },
      ],
    },
  ),
  status: pipelineStatus,
  columns: [
    stateColumn,
    { name: 'Champion', type: 'string', jsonPath: '.status.champion.trainingRun' },
    { name: 'Metric', type: 'string', jsonPath: '.status.champion.summary', description: 'Of the champion' },
    { name: 'Candidate', type: 'string', jsonPath: '.status.candidate.trainingRun' },
    { name: 'Latest Run', type: 'string', jsonPath: '.status.latestRun' },
    { name: 'Promoted', type: 'date', jsonPath: '.status.champion.promotedAt' },
    { name: 'Digest', type: 'string', jsonPath: '.status.champion.digest', priority: 1 },
    { name: 'Next', type: 'string', jsonPath: '.status.nextSchedule', priority: 1 },
    messageColumn,
  ],
})

export type RankerPipeline = ObjectOf<typeof rankerPipeline>
export type RankerPipelineSpec = RankerPipeline['spec']
