import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { readManifests } from '../../operator/cli/manifests.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import type { NodeAccess } from '../support/node/access.ts'

const TRAINING_RUN = resourceOf(trainingRun)
export const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)
/** In the order in which they become Ready. */
const objects = ['dataset', 'tokenizerbuild', 'trainingrun', 'evaluation', 'rankerdeployment']

/** The manifests that a user is shown, as they are. */
export const applyQuickstart = (node: NodeAccess, namespace: string): Promise<string> =>
  node.kubectl('--namespace', namespace, 'apply', '-f', join(projectRoot, 'examples/quickstart'))

/** The same on less data and for two epochs, unless told otherwise, where the model is not what is tried. */
export function applySmallQuickstart(
  node: NodeAccess,
  namespace: string,
  training: Partial<TrainingRun['spec']> = { maxEpochs: 2 },
): Promise<string> {
  const smaller: Record<string, object> = {
    Dataset: { source: { simulation: { users: 300, items: 100, seed: 7 } } },
    TrainingRun: training,
    // After so little training none is passed for certain.
    Evaluation: { gates: [] },
  }
  const manifests = readManifests([join(projectRoot, 'examples/quickstart')], {}).map(({ object }) => {
    const { spec, metadata, ...rest } = object as KubernetesObject & { spec: object }
    return { ...rest, metadata: { ...metadata, namespace }, spec: { ...spec, ...smaller[object.kind] } }
  })
  return node.apply(...manifests)
}

/** @throws with what the object says of itself when it is not Ready in time. */
export async function untilQuickstartReady(node: NodeAccess, namespace: string): Promise<void> {
  for (const kind of objects) {
    const name = `${kind}.adloom.dev/quickstart`
    const here = ['--namespace', namespace]
    try {
      await node.kubectl(...here, 'wait', '--for=condition=Ready', '--timeout=1000s', name)
    } catch (error) {
      const said = await node.kubectl(...here, 'get', name, '-o', 'jsonpath={.status}')
      const pods = await node.kubectl(...here, 'get', 'pods', '-o', 'wide')
      throw new Error(`${(error as Error).message}\n${said}\n${pods}`)
    }
  }
}

export const readTrainingRun = (node: NodeAccess, namespace: string): Promise<TrainingRun> =>
  node.client.get<TrainingRun>(TRAINING_RUN, { namespace, name: 'quickstart' })
