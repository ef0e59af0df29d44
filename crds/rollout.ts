import { type Static, Type } from 'typebox'
import {
  atomicList,
  decimal,
  digest,
  enumeration,
  integer,
  keyedList,
  object,
  optional,
  signedDecimal,
  text,
  time,
} from './schema.ts'

/** How a RankerDeployment goes from one model to the next, and where it stands on that way. docs/rollout.md tells it. */

export const metricTypes = [
  'ErrorRate',
  'LatencyQuantile',
  'EmptyListShare',
  'ScoreDistribution',
  'ClickThroughRate',
  'RevenuePerRequest',
  'Prometheus',
] as const

const metric = object(
  {
    name: Type.String({
      description: 'Name of the metric, for status and events.',
      maxLength: 63,
      pattern: '^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$',
    }),
    type: enumeration(metricTypes, {
      description:
        'ErrorRate: share of answers 5xx. LatencyQuantile: seconds. EmptyListShare: share of lists without an entry. ScoreDistribution: population stability index of the score of the first entry, against stable. ClickThroughRate: clicks per impression. RevenuePerRequest: value of conversions per request. Prometheus: the number that a query gives.',
    }),
    quantilePercent: integer(1, 99, { description: 'Which quantile LatencyQuantile is.', default: 95 }),
    prometheus: optional(
      object(
        {
          url: Type.String({
            description: 'Address of the Prometheus API, without /api/v1/query.',
            maxLength: 1024,
            pattern: '^https?://[^/?#@]+(/[^?#]*)?$',
          }),
          query: text(4096, { description: 'Query whose answer is one number (PromQL).' }),
        },
        { description: 'Where type Prometheus asks, and what.' },
      ),
    ),
    intervalSeconds: integer(5, 86_400, { description: 'Time from one measurement to the next.', default: 60 }),
    count: integer(1, 1000, {
      description: 'Measurements. Each covers the whole time since the analysis began; the last one decides.',
      default: 5,
    }),
    failureLimit: integer(0, 1000, {
      description: 'Measurements that may fail; one more, or the last one, ends the analysis as failed.',
      default: 0,
    }),
    consecutiveErrorLimit: integer(0, 1000, {
      description: 'Measurements in a row that may not come about; one more ends the analysis as failed.',
      default: 4,
    }),
    max: optional(decimal({ description: 'The value of the canary must not exceed it.' })),
    min: optional(decimal({ description: 'The value of the canary must reach it.' })),
    maxDifferenceToStable: optional(
      signedDecimal({ description: 'The value of the canary minus that of stable must not exceed it.' }),
    ),
    minRelativeToStable: optional(
      decimal({ description: 'The value of the canary must reach that of stable times this.' }),
    ),
  },
  {
    description: 'One metric with its bounds.',
    rules: [
      {
        rule: 'has(self.max) || has(self.min) || has(self.maxDifferenceToStable) || has(self.minRelativeToStable)',
        message: 'give at least one of max, min, maxDifferenceToStable and minRelativeToStable',
      },
      {
        rule: "(self.type == 'Prometheus') == has(self.prometheus)",
        message: 'prometheus goes with type Prometheus, and only with it',
      },
      {
        rule: "!(self.type in ['Prometheus', 'ScoreDistribution']) || (!has(self.maxDifferenceToStable) && !has(self.minRelativeToStable))",
        message: 'types Prometheus and ScoreDistribution are one number: bound them by max and min',
      },
      {
        rule: '!has(self.max) || !has(self.min) || double(self.min) <= double(self.max)',
        message: 'min must not exceed max',
      },
    ],
  },
)

const step = object(
  {
    setWeight: optional(integer(0, 100, { description: 'Percent of the requests that the canary gets from here on.' })),
    pause: optional(
      object(
        {
          durationSeconds: optional(
            integer(1, 2_592_000, { description: 'How long; absent: until the annotation adloom.dev/approve.' }),
          ),
        },
        { description: 'Waits.' },
      ),
    ),
    analysis: optional(
      object(
        { metrics: keyedList(metric, 'name', 10, { description: 'All of them must pass.' }) },
        {
          description: 'Measures the canary: goes on when all pass, aborts when one fails, pauses when unsure.',
          rules: [{ rule: 'self.metrics.size() > 0', message: 'an analysis needs at least one metric' }],
        },
      ),
    ),
  },
  {
    description: 'One step.',
    rules: [
      {
        rule: '[has(self.setWeight), has(self.pause), has(self.analysis)].exists_one(given, given)',
        message: 'give exactly one of setWeight, pause and analysis',
      },
    ],
  },
)

export const rolloutSpec = object(
  {
    steps: optional(
      atomicList(step, 20, {
        description:
          'Way of a new model from the first Pod to all requests. After the last step stable takes the model. Absent: Pods are replaced one by one, without a canary.',
      }),
    ),
    shadow: optional(
      object(
        {
          percent: integer(1, 100, {
            description: 'Share of the requests that the canary gets as a copy, whose answers are thrown away.',
          }),
        },
        {
          description:
            'Copies requests to the canary while there is one. Not possible where replicas make the weights.',
        },
      ),
    ),
    gateway: optional(
      object(
        {
          name: text(253, { description: 'Name of the Gateway.' }),
          namespace: optional(text(63, { description: 'Its namespace; absent: that of this object.' })),
          sectionName: optional(text(253, { description: 'Listener of the Gateway; absent: all.' })),
          hostnames: optional(
            atomicList(Type.String({ maxLength: 253 }), 16, {
              description: 'Host names of the requests; absent: all.',
            }),
          ),
        },
        {
          description:
            'Gateway (gateway.networking.k8s.io) that takes the requests in: weights are then those of an HTTPRoute.',
        },
      ),
    ),
    weightTolerancePercent: integer(0, 100, {
      description:
        'How far the weight that replicas can make may be off the wanted one, in percent of all requests. A step that is further off is refused.',
      default: 10,
    }),
    revisionHistoryLimit: integer(0, 100, { description: 'Rollouts that status remembers.', default: 10 }),
  },
  {
    description: 'How a new model takes over from the one that serves.',
    default: {},
    rules: [
      {
        rule: '!has(self.shadow) || (has(self.steps) && self.steps.size() > 0)',
        message: 'shadow needs steps: without them there is no canary',
      },
    ],
  },
)

export type RolloutStep = Static<typeof step>
export type AnalysisMetric = Static<typeof metric>

const metricResult = object(
  {
    name: text(63, { description: 'Name of the metric.' }),
    outcome: enumeration(['Running', 'Passed', 'Failed', 'Inconclusive', 'Error'], {
      description: 'How it stands.',
    }),
    measurements: integer(0, 100_000, { description: 'Measurements made.' }),
    failures: integer(0, 100_000, { description: 'Measurements that failed.' }),
    consecutiveErrors: integer(0, 100_000, { description: 'Last measurements in a row that did not come about.' }),
    value: optional(text(32, { description: 'Value of the canary at the last measurement.' })),
    low: optional(text(32, { description: 'Lower end of the interval of that value.' })),
    high: optional(text(32, { description: 'Upper end of the interval of that value.' })),
    stableValue: optional(text(32, { description: 'Value of stable.' })),
    message: text(512, { description: 'The bound that decided, in words.' }),
    measuredAt: optional(time({ description: 'Time of the last measurement.' })),
  },
  { description: 'One metric of the analysis.' },
)

export const rolloutPhases = ['Stepping', 'Promoting'] as const

const progress = object(
  {
    digest: digest({ description: 'Model that is on its way.' }),
    phase: enumeration(rolloutPhases, {
      description: 'Stepping: a canary serves beside stable. Promoting: stable takes the model.',
    }),
    step: integer(0, 20, { description: 'Steps that are done.' }),
    steps: integer(0, 20, { description: 'Steps in all.' }),
    stepsDigest: text(71, { description: 'Of the steps: when they change, the rollout begins anew.' }),
    startedAt: time({ description: 'When the rollout began.' }),
    stepStartedAt: optional(time({ description: 'When the present step began; absent while suspended.' })),
    notReadySince: optional(time({ description: 'Since when Pods of the canary are missing.' })),
    weight: integer(0, 100, { description: 'Percent of the requests that the canary is to get now.' }),
    actualWeight: integer(0, 100, { description: 'Percent of the requests that it gets as its Pods are.' }),
    paused: optional(
      enumeration(['Timed', 'Approval', 'Inconclusive'], { description: 'What it waits for, if it is paused.' }),
    ),
    analysis: optional(
      keyedList(metricResult, 'name', 10, { description: 'The analysis of the present or last step.' }),
    ),
  },
  { description: 'The rollout that is on; absent: none.' },
)

const rejection = object(
  {
    digest: digest({ description: 'Model that failed.' }),
    reason: text(64, { description: 'Why, in one word.' }),
    message: text(512, { description: 'Why, in words.' }),
    time: time({ description: 'When.' }),
    spec: text(71, { description: 'Digest of the spec it failed under: with another one it is tried again.' }),
  },
  { description: 'A model that failed online.' },
)

const revision = object(
  {
    digest: digest({ description: 'Model.' }),
    outcome: enumeration(['Promoted', 'Aborted', 'Superseded', 'Withdrawn'], {
      description: 'How its rollout ended.',
    }),
    message: text(512, { description: 'Why.' }),
    time: time({ description: 'When it ended.' }),
  },
  { description: 'One rollout of the past.' },
)

const number = (description: string) => optional(text(32, { description }))
const onlineNumbers = {
  requestsPerSecond: number('Requests a second.'),
  errorRate: number('Share of answers 5xx.'),
  emptyListShare: number('Share of lists without an entry.'),
  ctr: number('Clicks per impression.'),
  revenuePerRequest: number('Value of conversions per request.'),
  scorePsi: number(
    'Population stability index of the score of the first entry against the first hour in which this operator saw the model serve.',
  ),
  codePsi: number(
    'Population stability index of the first code of the newest item in the histories of requests, against that hour.',
  ),
}

export const rolloutStatus = {
  stableDigest: optional(digest({ description: 'Model that stable serves or returns to.' })),
  canaryDigest: optional(digest({ description: 'Model that the canary serves.' })),
  rollout: optional(progress),
  rejected: optional(
    keyedList(rejection, 'digest', 10, {
      description:
        'Models that failed online, the last first: not tried again until the spec changes or a person asks.',
    }),
  ),
  revisions: optional(atomicList(revision, 100, { description: 'Rollouts of the past, the last first.' })),
  online: optional(
    object(
      {
        ...onlineNumbers,
        uncertainty: optional(
          object(Object.fromEntries(Object.keys(onlineNumbers).map((name) => [name, number(`Of ${name}.`)])), {
            description: 'Two standard errors of each number: how far it may be off because little was counted.',
          }),
        ),
        digest: optional(digest({ description: 'Model that did it.' })),
        observedAt: time({ description: 'End of the minute that the numbers are of.' }),
      },
      { description: 'What stable is seen to do; written when it changes by more than noise, once a minute at most.' },
    ),
  ),
  lastHandledAbort: optional(text(256, { description: 'Value of the annotation adloom.dev/abort handled last.' })),
  lastHandledPromote: optional(text(256, { description: 'Value of the annotation adloom.dev/promote handled last.' })),
  lastHandledApprove: optional(text(256, { description: 'Value of the annotation adloom.dev/approve handled last.' })),
  lastHandledRetry: optional(text(256, { description: 'Value of the annotation adloom.dev/retry handled last.' })),
} as const

export type RolloutProgress = Static<typeof progress>
export type MetricResult = Static<typeof metricResult>
export type Rejection = Static<typeof rejection>
export type Revision = Static<typeof revision>
