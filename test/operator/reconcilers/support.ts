import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import type { Lookup } from '../../../operator/reconcilers/run/run-kind.ts'

export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`

interface Finished {
  digest?: string
  inputs?: Record<string, string>
  summary?: object
}

/** An object of a kind, Ready when it has a digest. */
export const objectOf = <O>(kind: string, name: string, spec: object, { digest, inputs }: Finished = {}): O =>
  ({
    apiVersion: 'adloom.dev/v1alpha1',
    kind,
    metadata: { name, namespace: 'ads', generation: 1 },
    spec,
    ...(digest === undefined
      ? {}
      : {
          status: {
            observedGeneration: 1,
            conditions: [{ type: 'Ready', status: 'True' }],
            artifact: { digest, sizeBytes: 1, reused: false },
            ...(inputs === undefined ? {} : { inputs }),
          },
        }),
  }) as O

/** A Dataset whose status tells of its marketplace; undefined: it has none. */
export const datasetOf = (digest: string, advertising?: object): KubernetesObject => {
  const dataset = objectOf<KubernetesObject & { status: object }>('Dataset', 'logs', {}, { digest })
  return { ...dataset, status: { ...dataset.status, revision: digest, ...(advertising && { advertising }) } } as never
}

/** What the Dataset of a logged marketplace tells, less what is `lacking`. */
export const advertisingOf = (lacking: readonly string[] = [], more: object = {}) => ({
  origin: 'Tables',
  trainingRequests: 8,
  validationRequests: 1,
  testRequests: 1,
  has: ['Bids', 'Budgets', 'Creatives', 'Requests', 'EligibleAds', 'Exposures', 'Propensities'].filter(
    (each) => !lacking.includes(each),
  ),
  ...more,
})

export const lookupIn =
  (objects: readonly KubernetesObject[]): Lookup =>
  <T extends KubernetesObject>(kind: string, namespace: string, name: string) =>
    objects.find(
      ({ kind: each, metadata }) => each === kind && metadata.namespace === namespace && metadata.name === name,
    ) as T | undefined
