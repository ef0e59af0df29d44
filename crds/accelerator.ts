import { type Static, Type } from 'typebox'
import { atomicList, enumeration, integer, object, objectName, optional, stringMap, text } from './schema.ts'

const toleration = object(
  {
    key: optional(text(317, { description: 'Key of the taint; absent with operator Exists: any.' })),
    operator: optional(enumeration(['Exists', 'Equal'], { description: 'How key and value are compared.' })),
    value: optional(text(63, { description: 'Value of the taint.' })),
    effect: optional(
      enumeration(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
        description: 'Effect of the taint; absent: any.',
      }),
    ),
    tolerationSeconds: optional(
      integer(0, 2_147_483_647, { description: 'How long a NoExecute taint is tolerated; absent: for ever.' }),
    ),
  },
  { description: 'A taint of nodes that is tolerated (core/v1 Toleration).' },
)

/** `spec.accelerator`: devices for the container that computes, and the nodes that have them. */
export const accelerator = object(
  {
    resource: Type.String({
      description: 'Extended resource, as the device plugin of the nodes names it, a slice of a device too.',
      default: 'nvidia.com/gpu',
      maxLength: 253,
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$',
    }),
    count: integer(1, 64, { description: 'Devices of each Pod, requested and limited.', default: 1 }),
    nodeSelector: optional(
      stringMap(32, 63, { description: 'Labels of the nodes; the nodeSelector of the template is merged over it.' }),
    ),
    tolerations: optional(
      atomicList(toleration, 16, { description: 'Taints that are tolerated, beside those of the template.' }),
    ),
    runtimeClassName: optional(
      objectName('RuntimeClass that gives containers the device, such as nvidia; that of the template goes over it.'),
    ),
  },
  {
    description:
      'Devices for the Pods. They are asked for in the container, and the template is merged over all of it. A local node has none: there a Pod that asks for one waits, and status says so.',
  },
)

export type Accelerator = Static<typeof accelerator>
