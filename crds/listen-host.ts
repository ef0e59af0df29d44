/** Set for each process that the local node runs: its Pods share the machine's network, each with an address of its own. */
export const listenHostVariable = 'ADLOOM_LISTEN_HOST'

const loopback = '127.0.0.1'

/** Where a process of a Pod listens: everywhere in the Pod's own network, so that `kubectl port-forward` reaches it, too. */
export function listenHost({ [listenHostVariable]: given, POD_IP: pod }: NodeJS.ProcessEnv): string {
  if (given) return given
  if (!pod) return loopback
  return pod.includes(':') ? '::' : '0.0.0.0'
}
