import type { Unavailable } from './control-plane/unavailable.ts'
import { startControlPlane } from './control-plane.ts'

/** The API server that a drill runs on; without a kubeconfig the embedded one, which the cluster brings itself. */
export interface DrillApi {
  kubeconfig?: string
  stop(): Promise<void>
}

/** Set by the project `cluster-drills` of vitest.config.ts: the same drills on a real control plane, one of its own each. */
export const isRealApi = process.env.ADLOOM_DRILL_API === 'real'

export async function startDrillApi(): Promise<DrillApi | Unavailable> {
  return isRealApi ? startControlPlane() : { stop: async () => undefined }
}
