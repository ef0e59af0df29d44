import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../cluster/client.ts'
import { HTTP_ROUTE, type HttpRoute } from './traffic-children.ts'
import { type SeenUnwatched, seeUnwatched } from './unwatched.ts'

/** What is known of the Gateway API; absent where the spec names no Gateway. */
export type SeenGateway = SeenUnwatched<HttpRoute>

export async function seeGateway(client: Client, ranker: RankerDeployment): Promise<SeenGateway | undefined> {
  if (!ranker.spec.rollout.gateway) return undefined
  const { namespace = '', name } = ranker.metadata
  return seeUnwatched(client, HTTP_ROUTE, { namespace, name })
}
