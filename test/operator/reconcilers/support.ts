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

export const lookupIn =
  (objects: readonly KubernetesObject[]): Lookup =>
  <T extends KubernetesObject>(kind: string, namespace: string, name: string) =>
    objects.find(
      ({ kind: each, metadata }) => each === kind && metadata.namespace === namespace && metadata.name === name,
    ) as T | undefined
