import { queueName } from '../../../crds/jobs.ts'
import type { WorkerPool } from '../../../crds/kinds/worker-pool.ts'
import { digestOf } from '../../../workers/artifacts/digest.ts'
import { fieldManager, labels, redisSecret } from '../names.ts'
import { ownerReference } from '../owner-reference.ts'
import { environment, mergeOver, type Pod, type PodSettings, restrictedPodSpec } from '../pod-template.ts'

const healthPort = 8081
export const templateHashLabel = 'adloom.dev/template-hash'

export const poolSelector = (pool: string): Record<string, string> => ({ [labels.pool]: pool })

/** Pods of a pool are numbered; a name that is free again is used again. */
export const podName = (pool: string, ordinal: number): string => `${pool.slice(0, 240)}-worker-${ordinal}`

function template(pool: WorkerPool, settings: PodSettings): Pick<Pod, 'metadata'> & { spec: Record<string, unknown> } {
  const { name, namespace = '' } = pool.metadata
  const own = restrictedPodSpec(
    {
      name: 'worker',
      args: ['worker'],
      port: healthPort,
      environment: [
        environment('ADLOOM_QUEUE', queueName(namespace, name)),
        environment('ADLOOM_THREADS', String(pool.spec.threads)),
        environment('ADLOOM_HEALTH_PORT', String(healthPort)),
        { name: 'REDIS_URL', valueFrom: { secretKeyRef: redisSecret } },
      ],
    },
    settings,
  )
  return {
    metadata: {
      name: '',
      labels: {
        ...pool.spec.template?.metadata?.labels,
        [labels.name]: 'adloom',
        [labels.component]: 'worker',
        [labels.managedBy]: fieldManager,
        ...poolSelector(name),
      },
      ...(pool.spec.template?.metadata?.annotations ? { annotations: pool.spec.template.metadata.annotations } : {}),
    },
    spec: mergeOver(own, pool.spec.template?.spec) as Record<string, unknown>,
  }
}

/** Changes when a Pod made now would differ from one made before. */
export const templateHash = (pool: WorkerPool, settings: PodSettings): string =>
  digestOf(template(pool, settings)).slice('sha256:'.length, 'sha256:'.length + 12)

export function buildPod(pool: WorkerPool, name: string, settings: PodSettings): Pod {
  const { metadata, spec } = template(pool, settings)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      namespace: pool.metadata.namespace ?? '',
      labels: { ...metadata.labels, [templateHashLabel]: templateHash(pool, settings) },
      ownerReferences: [ownerReference(pool)],
    },
    spec,
  }
}
