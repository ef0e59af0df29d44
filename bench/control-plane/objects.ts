import type { KindDefinition } from '../../crds/kind.ts'
import { dataset } from '../../crds/kinds/dataset.ts'
import { evaluation } from '../../crds/kinds/evaluation.ts'
import { rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { rankerPipeline } from '../../crds/kinds/ranker-pipeline.ts'
import { tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { trainingRun } from '../../crds/kinds/training-run.ts'
import { workerPool } from '../../crds/kinds/worker-pool.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'

export const namespace = 'bench'

/** What a team has, in the order in which it applies it: 20 objects. */
const objectsOfTeam: readonly [kind: KindDefinition, count: number][] = [
  [workerPool, 1],
  [dataset, 4],
  [tokenizerBuild, 4],
  [trainingRun, 5],
  [evaluation, 4],
  [rankerPipeline, 1],
  [rankerDeployment, 1],
]
export const teamSize = objectsOfTeam.reduce((sum, [, count]) => sum + count, 0)

/** `count` objects of all kinds, a multiple of teamSize: teams with a pool and a queue each. */
export function mixedObjects(count: number): KubernetesObject[] {
  if (count % teamSize !== 0) throw new RangeError(`${count} is no multiple of ${teamSize}`)
  return Array.from({ length: count / teamSize }, (_, team) => team).flatMap((team) =>
    objectsOfTeam.flatMap(([kind, copies]) =>
      Array.from({ length: copies }, (_, copy) => objectOf(kind, nameOf(team, copy), specOf(kind.kind, team, copy))),
    ),
  )
}

export const poolNames = (objects: readonly KubernetesObject[]): string[] =>
  objects.filter(({ kind }) => kind === workerPool.kind).map(({ metadata }) => metadata.name)

/** One pool for `runs`; the operator starts no Pods for it, as the benchmark is the worker. */
export const pool = objectOf(workerPool, 'default', { maxReplicas: 0 })

/** Runs that wait for nothing, no two of the same inputs. */
export const independentRuns = (round: number, count: number): KubernetesObject[] =>
  Array.from({ length: count }, (_, index) => objectOf(dataset, `run-${round}-${index}`, simulation(round, index)))

function objectOf({ kind }: KindDefinition, name: string, spec: object): KubernetesObject & { spec: object } {
  return { apiVersion: 'adloom.dev/v1alpha1', kind, metadata: { name, namespace }, spec }
}

const nameOf = (team: number, copy: number): string => `team-${team}-${copy}`
const simulation = (group: number, seed: number) => ({ source: { simulation: { users: 10 + group, seed } } })

/** The seed is another one in each object: equal inputs would end a run by reuse. */
function specOf(kind: string, team: number, copy: number): object {
  const of = (index: number) => ({ name: nameOf(team, index) })
  const workerPoolRef = of(0)
  const seed = team * 100 + copy
  const upstream = of(copy % 4)
  switch (kind) {
    case workerPool.kind:
      return { maxReplicas: 0 }
    case dataset.kind:
      return { ...simulation(team, seed), workerPoolRef }
    case tokenizerBuild.kind:
      return { datasetRef: upstream, features: { text: {} }, seed, workerPoolRef }
    case trainingRun.kind:
      return { datasetRef: upstream, tokenizerRef: upstream, seed, workerPoolRef }
    case evaluation.kind:
      return { datasetRef: upstream, model: { trainingRunRef: upstream }, seed, workerPoolRef }
    case rankerPipeline.kind:
      // Its children would be more objects than were asked for.
      return { datasetRef: upstream, suspend: true }
    default:
      return { model: { trainingRunRef: upstream }, evaluationRef: upstream, replicas: 1 }
  }
}
