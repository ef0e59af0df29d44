import { type Static, Type } from 'typebox'
import {
  atomicList,
  digest,
  enumeration,
  integer,
  keyedList,
  object,
  optional,
  statusOf,
  text,
  time,
} from './schema.ts'

/** How a run of a pipeline stands, or ended. */
export const pipelineRunStates = [
  'Running',
  'Promoted',
  /** Passed, and waits for a person. */
  'AwaitingApproval',
  'NotPromoted',
  /** Made the very model that is the champion. */
  'Unchanged',
  /** A later run was faster. */
  'Superseded',
  /** Compared with a model that is not the champion any more. */
  'Outdated',
  /** Failed online before, or after its promotion. */
  'Rejected',
  'Failed',
  'Aborted',
  'Replaced',
] as const
export type PipelineRunState = (typeof pipelineRunStates)[number]

/** What may ask a pipeline for a run. */
export const pipelineTriggers = [
  'FirstRun',
  'DatasetRevision',
  'TemplateChange',
  'Schedule',
  'Drift',
  'ChampionChange',
  'Request',
] as const
export type PipelineTrigger = (typeof pipelineTriggers)[number]

/** Metrics of a model that are kept: those of a ranking at four cutoffs and of a marketplace under every judge fit. */
export const modelMetricsLimit = 96

const measured = object(
  {
    name: text(64, { description: 'Metric.' }),
    value: text(32, { description: 'Mean.' }),
    low: text(32, { description: 'Lower end of the 95 % interval.' }),
    high: text(32, { description: 'Upper end of the 95 % interval.' }),
  },
  { description: 'One metric.' },
)

const modelFields = {
  digest: digest({ description: 'The model.' }),
  run: integer(1, 1_000_000_000, { description: 'Number of the run that made it.' }),
  trainingRun: text(253, { description: 'TrainingRun that made it.' }),
  dataset: digest({ description: 'Dataset revision that it learned.' }),
  tokenizer: digest({ description: 'Tokenizer whose codes it speaks.' }),
  parent: optional(digest({ description: 'Model that its training started from.' })),
  evaluation: optional(digest({ description: 'Artifact of the Evaluation that judged it.' })),
  summary: optional(text(256, { description: 'Its first metric, with the interval.' })),
  metrics: keyedList(measured, 'name', modelMetricsLimit, { description: 'How good it is, by its Evaluation.' }),
  reason: text(1024, { description: 'Why it stands here.' }),
}

const promoted = {
  ...modelFields,
  promotedAt: time({ description: 'When it became the champion.' }),
}

const run = object(
  {
    name: text(253, { description: 'Name of the TokenizerBuild, TrainingRun and Evaluation of the run.' }),
    number: integer(1, 1_000_000_000, { description: 'Number of the run, from 1.' }),
    state: enumeration(pipelineRunStates, { description: 'How it stands, or ended.' }),
    triggers: atomicList(Type.String({ maxLength: 512 }), 64, {
      description: 'Everything that asked for it; several triggers make one run.',
    }),
    template: digest({ description: 'Of the templates that it was made from.' }),
    champion: optional(digest({ description: 'Champion at its start: what it is compared with.' })),
    championTokenizer: optional(digest({ description: 'Tokenizer of that champion.' })),
    dataset: optional(digest({ description: 'Dataset revision.' })),
    tokenizer: optional(digest({ description: 'Tokenizer that was made.' })),
    model: optional(digest({ description: 'Model that was made.' })),
    evaluation: optional(digest({ description: 'Artifact of the Evaluation.' })),
    startTime: time({ description: 'When it was started.' }),
    completionTime: optional(time({ description: 'When it ended.' })),
    message: optional(text(1024, { description: 'Why it was promoted, or was not.' })),
  },
  { description: 'One run.' },
)

export const pipelineStatus = statusOf({
  champion: optional(object(promoted, { description: 'The model that is to be served.' })),
  candidate: optional(object(modelFields, { description: 'A model that passed and waits for a person.' })),
  lineage: optional(
    keyedList(object(promoted, { description: 'A former champion.' }), 'digest', 8, {
      description:
        'Former champions, the last one first. Their artifacts are kept: one of them takes over when the champion fails.',
    }),
  ),
  rejected: optional(
    keyedList(
      object(
        {
          digest: digest({ description: 'The model.' }),
          reason: text(64, { description: 'Reason in one word.' }),
          message: text(1024, { description: 'What went wrong.' }),
          time: time({ description: 'When it failed.' }),
        },
        { description: 'A model that failed online.' },
      ),
      'digest',
      10,
      {
        description: 'Models that failed online, the last one first. They are not promoted again unless a person asks.',
      },
    ),
  ),
  runs: optional(keyedList(run, 'name', 128, { description: 'The last runs, the newest first.' })),
  latestRun: optional(text(300, { description: 'The newest run and how it stands, for the table.' })),
  lastRunNumber: optional(integer(0, 1_000_000_000, { description: 'Number of the newest run.' })),
  lastStartTime: optional(time({ description: 'When the newest run was started.' })),
  trained: optional(
    object(
      {
        dataset: digest({ description: 'Dataset revision.' }),
        template: digest({ description: 'Of the templates.' }),
      },
      { description: 'What the newest run was started for: another revision or template asks for a new one.' },
    ),
  ),
  pending: optional(
    atomicList(Type.String({ maxLength: 512 }), 64, {
      description: 'What asks for a run that cannot start yet; all of it makes one run.',
    }),
  ),
  lastScheduleTimes: optional(
    keyedList(
      object(
        {
          name: text(63, { description: 'Name of the schedule.' }),
          schedule: text(256, {
            description: 'Its cron expression and time zone; a new one is counted from when it is seen.',
          }),
          time: time({ description: 'The last time that was handled; the next one follows it.' }),
        },
        { description: 'How far a schedule is.' },
      ),
      'name',
      16,
      { description: 'How far each schedule is: no time is lost with Redis or the operator.' },
    ),
  ),
  nextSchedule: optional(text(128, { description: 'The schedule that is due next, and when.' })),
  lastDrifts: optional(
    keyedList(
      object(
        {
          signal: text(64, { description: 'Measure of drift.' }),
          champion: digest({ description: 'Champion that drifted.' }),
          dataset: digest({ description: 'Dataset revision at that time.' }),
        },
        { description: 'Drift that a run was started for.' },
      ),
      'signal',
      16,
      { description: 'Drift asks once for a champion and a Dataset revision: the same inputs give the same model.' },
    ),
  ),
  lastHandledRetrain: optional(text(256, { description: 'Value of adloom.dev/retrain handled last.' })),
  lastHandledPromote: optional(text(256, { description: 'Value of adloom.dev/promote handled last.' })),
  lastHandledAbort: optional(text(256, { description: 'Value of adloom.dev/abort handled last.' })),
  lastHandledApproval: optional(digest({ description: 'promotion.approvedDigest that was followed last.' })),
})

export type PipelineStatus = Static<typeof pipelineStatus>
export type PipelineRun = NonNullable<PipelineStatus['runs']>[number]
export type PipelineModel = NonNullable<PipelineStatus['candidate']>
export type Champion = NonNullable<PipelineStatus['champion']>
