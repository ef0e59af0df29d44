import { it } from 'vitest'
import { sharedNode } from '../support/node/access.ts'
import { retrainAndRollOut } from '../support/retraining/scenario.ts'
import { installAdloom, rankUrl } from './adloom.ts'

it('a ranker is retrained by changed data and rolled out; what is bad offline or online never stays', async (context) => {
  const node = sharedNode(context)
  await installAdloom(node)
  // As the Dockerfile says.
  const root = '/opt/adloom'
  await retrainAndRollOut({ ...node, root, rankUrl: (namespace, name) => rankUrl(node, namespace, name) })
})
