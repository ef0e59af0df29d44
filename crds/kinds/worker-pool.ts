import { defineKind, type ObjectOf } from '../kind.ts'
import { podTemplate } from '../pod-template.ts'
import { messageColumn, stateColumn } from '../run.ts'
import { boolean, integer, object, optional, statusOf, text } from '../schema.ts'

/** A class of worker. The operator owns its Pods directly; their number follows the backlog of the pool's queue. */
export const workerPool = defineKind({
  kind: 'WorkerPool',
  plural: 'workerpools',
  shortNames: ['wp'],
  description:
    'A class of worker: the Pods that take jobs of one queue. Their number follows the backlog between minReplicas and maxReplicas; a Pod is deleted only after its worker has acknowledged to drain, so work is never cut off by scaling.',
  spec: object(
    {
      minReplicas: integer(0, 1000, { description: 'Pods that are kept without work.', default: 0 }),
      maxReplicas: integer(0, 1000, { description: 'Most Pods at a time.', default: 1 }),
      idleSeconds: integer(0, 86_400, {
        description: 'A Pod beyond minReplicas is drained when its worker has been without work this long.',
        default: 60,
      }),
      threads: integer(0, 256, {
        description: 'Threads of one job; 0: as many as the Pod has CPUs. Results do not depend on it.',
        default: 0,
      }),
      suspend: boolean({ description: 'Drains all Pods and starts none; jobs wait in the queue.', default: false }),
      template: podTemplate(
        'PodSpec merged over the default one. The container named `worker` is the worker; what is given for it (image, resources, env, volumeMounts) is merged over its defaults.',
        'Template of the Pods. A new one replaces Pods as they become idle.',
      ),
    },
    {
      description: 'What is wanted.',
      rules: [{ rule: 'self.minReplicas <= self.maxReplicas', message: 'minReplicas must not exceed maxReplicas' }],
    },
  ),
  status: statusOf({
    replicas: optional(integer(0, 1000, { description: 'Pods that exist.' })),
    readyReplicas: optional(integer(0, 1000, { description: 'Pods whose worker takes jobs.' })),
    busyReplicas: optional(integer(0, 1000, { description: 'Pods whose worker has a job.' })),
    backlog: optional(integer(0, 1_000_000_000, { description: 'Jobs that wait or run.' })),
    selector: optional(text(1024, { description: 'Label selector of the Pods.' })),
  }),
  columns: [
    stateColumn,
    { name: 'Pods', type: 'integer', jsonPath: '.status.replicas' },
    { name: 'Busy', type: 'integer', jsonPath: '.status.busyReplicas' },
    { name: 'Max', type: 'integer', jsonPath: '.spec.maxReplicas' },
    { name: 'Backlog', type: 'integer', jsonPath: '.status.backlog' },
    messageColumn,
  ],
})

export type WorkerPool = ObjectOf<typeof workerPool>
