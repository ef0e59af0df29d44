import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Component, startComponent } from '../control-plane/component.ts'
import { podImage } from './images.ts'
import { podRange } from './network.ts'

export interface Containerd extends Component {
  socket: string
  importImage(archive: string): Promise<void>
}

const readyTimeoutMs = 30_000

/** Starts containerd with a bridge for its Pods' network. */
export async function startContainerd(directory: string): Promise<Containerd> {
  const folder = join(directory, 'containerd')
  const network = join(folder, 'cni')
  await mkdir(network, { recursive: true })
  const socket = join(folder, 'containerd.sock')
  await writeFile(join(folder, 'config.toml'), configuration(folder, network, socket))
  await writeFile(join(network, '10-bridge.conflist'), JSON.stringify(bridge(folder), null, 2))
  const component = startComponent('containerd', ['--config', join(folder, 'config.toml')], directory, 'containerd')
  const ctr = (...args: string[]) => promisify(execFile)('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args])
  await component.until(async () => {
    await ctr('version')
    return true
  }, readyTimeoutMs)
  return {
    ...component,
    socket,
    async importImage(archive) {
      await ctr('images', 'import', archive)
    },
  }
}

function configuration(folder: string, network: string, socket: string): string {
  return `version = 2
root = "${join(folder, 'data')}"
state = "${join(folder, 'state')}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${podImage}"
  # Without CAP_SYS_RESOURCE every sandbox fails otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${network}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`
}

function bridge(folder: string): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        // A Pod may reach itself through a Service.
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(folder, 'addresses'),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}
