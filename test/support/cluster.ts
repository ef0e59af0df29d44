import { inject, type TestContext } from 'vitest'
import { askForControlPlane, type SharedControlPlane } from './control-plane/broker.ts'

/**
 * The control plane that all tests of the project `cluster` share; starts it on the first call and waits for a build
 * that is under way. Tests keep apart by namespaces of their own. Skips the calling test, with the reason, where a
 * control plane is not to be had.
 *
 * @throws when the build or the start failed.
 */
export async function sharedControlPlane(context: Pick<TestContext, 'skip'>): Promise<SharedControlPlane> {
  const answer = await askForControlPlane(inject('controlPlaneSocket'))
  if ('error' in answer) throw new Error(answer.error)
  if ('reason' in answer) return context.skip(answer.reason)
  return answer
}
