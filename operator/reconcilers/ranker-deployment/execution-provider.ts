import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { OwnCondition } from '../../control/conditions.ts'
import type { SeenProvider } from '../../rollout/execution-provider.ts'

/**
 * Whether the Pods decode where the spec wants them to; undefined where that is the CPU, or none has told. Ready stays as
 * it is: with onMissingProvider UseCPU the CPU is what was asked for in such a case.
 */
export function executionProviderCondition(
  { spec, metadata }: RankerDeployment,
  seen: readonly SeenProvider[],
): OwnCondition | undefined {
  const { executionProvider } = spec.serving
  const asked = seen.filter(({ wanted }) => wanted === executionProvider)
  if (executionProvider === 'CPU' || asked.length === 0) return undefined
  const type = 'ExecutionProviderUsed'
  const without = asked.filter(({ provider }) => provider !== executionProvider).length
  if (without === 0)
    return {
      type,
      status: 'True',
      reason: executionProvider,
      message: `all Pods that were asked decode on ${executionProvider}`,
    }
  const message = `${without} of ${asked.length} Pods decode on the CPU, since ${executionProvider} cannot be had there; their log and GET /v2/models/${metadata.name} name what is missing`
  return { type, status: 'False', reason: 'UsesCPU', message }
}
