import type { RankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import type { Client } from '../../cluster/client.ts'
import { NotFoundError } from '../../cluster/errors.ts'
import type { SeenGateway } from './observe.ts'
import { HTTP_ROUTE, type HttpRoute } from './traffic-children.ts'

/** Looks whether the API server knows HTTPRoutes, and for ours: there are too few to be worth a watch. */
export async function seeGateway(client: Client, ranker: RankerDeployment): Promise<SeenGateway | undefined> {
  if (!ranker.spec.rollout.gateway) return undefined
  const { namespace = '', name } = ranker.metadata
  const route = await orMissing(client.get<HttpRoute>(HTTP_ROUTE, { namespace, name }))
  if (route) return { isServed: true, route }
  const isServed = (await orMissing(client.read(`/apis/${HTTP_ROUTE.group}/${HTTP_ROUTE.version}`))) !== undefined
  return isServed ? { isServed, route } : { isServed }
}

async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
