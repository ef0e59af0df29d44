import type { Static } from 'typebox'
import { integer, object, optional } from './schema.ts'

/** `spec.autoscaling` of a RankerDeployment; docs/serving.md says how it goes with a rollout. */
export const autoscaling = object(
  {
    minReplicas: integer(1, 1000, { description: 'Fewest Pods of stable.', default: 1 }),
    maxReplicas: integer(1, 1000, { description: 'Most Pods of stable.' }),
    targetCpuUtilizationPercent: optional(
      integer(1, 100, {
        description:
          'Use of the CPUs that the container `ranker` requests, on average over the Pods. Needs such a request in the template, and metrics-server.',
      }),
    ),
    targetRequestsInFlight: optional(
      integer(1, 100_000, {
        description:
          'Calls of /v1/rank that a Pod answers at a time (adloom_rank_in_flight), on average over the Pods. Needs custom.metrics.k8s.io with that metric, such as from prometheus-adapter.',
      }),
    ),
  },
  {
    description:
      'A HorizontalPodAutoscaler of the same name, which the operator makes and owns, says how many Pods stable has; the canary follows by its weight. Absent, with replicas absent too: the number is left to whoever scales the Deployment. An API server without autoscaling/v2, as that of `adloom up`, cannot: refused there.',
    rules: [
      { rule: 'self.minReplicas <= self.maxReplicas', message: 'minReplicas must not exceed maxReplicas' },
      {
        rule: 'has(self.targetCpuUtilizationPercent) || has(self.targetRequestsInFlight)',
        message: 'give at least one of targetCpuUtilizationPercent and targetRequestsInFlight',
      },
    ],
  },
)

export type Autoscaling = Static<typeof autoscaling>
