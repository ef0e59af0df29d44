import { createHttpTransport, loadKubeConfig } from '../../operator/cluster/http-transport.ts'
import { describeApiContract } from '../contract/api-contract.ts'
import { sharedControlPlane } from '../support/cluster.ts'

describeApiContract('a real API server', async (context) => {
  const { kubeconfig } = await sharedControlPlane(context)
  const { transport, server, close } = createHttpTransport(loadKubeConfig(kubeconfig))
  return { transport, baseUrl: server, stop: close }
})
