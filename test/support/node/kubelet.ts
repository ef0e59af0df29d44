import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Component, startComponent } from '../control-plane/component.ts'
import { nodeAddress, podRange } from './network.ts'

export interface NodeParts {
  directory: string
  kubeconfig: string
  /** The address of containerd. */
  socket: string
  cgroup: string
}

export const nodeName = 'node1'

export async function startKubelet(binary: string, parts: NodeParts): Promise<Component> {
  const { directory } = parts
  const config = join(directory, 'kubelet.yaml')
  await mkdir(join(directory, 'static-pods'))
  // Nothing outside of the namespace is to be asked for names.
  await writeFile(join(directory, 'resolv.conf'), `nameserver ${nodeAddress}\n`)
  await writeFile(config, stringify(configuration(parts)))
  return startComponent(
    binary,
    [
      `--config=${config}`,
      `--kubeconfig=${parts.kubeconfig}`,
      `--root-dir=${join(directory, 'kubelet')}`,
      `--cert-dir=${join(directory, 'kubelet-certificates')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
    ],
    directory,
    'kubelet',
  )
}

function configuration({ directory, socket, cgroup }: NodeParts): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failSwapOn: false,
    // Machines without systemd often have cgroup v1 only.
    failCgroupV1: false,
    containerRuntimeEndpoint: `unix://${socket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: ['pods'],
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    address: nodeAddress,
    readOnlyPort: 0,
    healthzPort: 10248,
    clusterDNS: [nodeAddress],
    clusterDomain: 'cluster.local',
    resolvConf: join(directory, 'resolv.conf'),
    staticPodPath: join(directory, 'static-pods'),
    podLogsDir: join(directory, 'pod-logs'),
    // A test is no place for a second look at the disk: nothing is collected or evicted.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
      'nodefs.inodesFree': '1%',
    },
  }
}

export function startProxy(binary: string, { directory, kubeconfig }: NodeParts): Component {
  const args = [
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${nodeName}`,
    '--proxy-mode=nftables',
    `--cluster-cidr=${podRange}`,
    // These settings belong to the whole machine.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
    '--healthz-bind-address=127.0.0.1:10256',
    '--metrics-bind-address=127.0.0.1:10249',
  ]
  return startComponent(binary, args, directory, 'kube-proxy')
}

export function startScheduler(binary: string, { directory, kubeconfig }: NodeParts): Component {
  const args = [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--cert-dir=${join(directory, 'certificates')}`,
  ]
  return startComponent(binary, args, directory, 'kube-scheduler')
}

export async function startDns(programs: string, { directory, kubeconfig }: NodeParts): Promise<Component> {
  const corefile = join(directory, 'Corefile')
  const zones = 'cluster.local in-addr.arpa'
  await writeFile(
    corefile,
    `.:53 {
  errors
  health 127.0.0.1:8180
  ready 127.0.0.1:8181
  kubernetes ${zones} {
    kubeconfig ${kubeconfig}
    ttl 5
  }
}
`,
  )
  return startComponent(join(programs, 'dns'), ['-conf', corefile], directory, 'coredns')
}
