import { join } from 'node:path'
import { resourceOf } from '../../crds/kind.ts'
import { rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import type { NodeAccess } from '../support/node/access.ts'

const TRAINING_RUN = resourceOf(trainingRun)
export const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)
/** In the order in which they become Ready. */
const objects = ['dataset', 'tokenizerbuild', 'trainingrun', 'evaluation', 'rankerdeployment']

/** The manifests that a user is shown, as they are. */
export const applyQuickstart = (node: NodeAccess, namespace: string): Promise<string> =>
  node.kubectl('--namespace', namespace, 'apply', '-f', join(projectRoot, 'examples/quickstart'))

/** @throws with what the object says of itself when it is not Ready in time. */
export async function untilQuickstartReady(node: NodeAccess, namespace: string): Promise<void> {
  for (const kind of objects) {
    const name = `${kind}.adloom.dev/quickstart`
    const here = ['--namespace', namespace]
    try {
      await node.kubectl(...here, 'wait', '--for=condition=Ready', '--timeout=400s', name)
    } catch (error) {
      const said = await node.kubectl(...here, 'get', name, '-o', 'jsonpath={.status}')
      const pods = await node.kubectl(...here, 'get', 'pods', '-o', 'wide')
      throw new Error(`${(error as Error).message}\n${said}\n${pods}`)
    }
  }
}

export const readTrainingRun = (node: NodeAccess, namespace: string): Promise<TrainingRun> =>
  node.client.get<TrainingRun>(TRAINING_RUN, { namespace, name: 'quickstart' })
