import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch } from 'undici'
import { stringify } from 'yaml'
import { cacheFolder } from '../../operator/cli/cache-folder.ts'
import { freePort } from '../../operator/cli/free-port.ts'
import { type Binaries, findBinaries } from './control-plane/binaries.ts'
import { type Component, startComponent } from './control-plane/component.ts'
import type { Unavailable } from './control-plane/unavailable.ts'

/** A kube-apiserver with etcd and kube-controller-manager on loopback. */
export interface ControlPlane {
  /** Path of a kubeconfig whose user may do everything. */
  kubeconfig: string
  /** `https://127.0.0.1:PORT` */
  server: string
  token: string
  /** PEM. */
  ca: string
  /** Where logs, keys and data lie until `stop`. */
  directory: string
  /** In the order of their start. */
  processes: { name: string; pid: number }[]
  stop(): Promise<void>
}

export interface ControlPlaneOptions {
  /** Found or built when not given. */
  binaries?: Binaries
  env?: NodeJS.ProcessEnv
  /** The address at which a node and its Pods reach the API server; none does where absent. */
  nodeAddress?: string
  /** Gets a line at each step. */
  report?: (line: string) => void
}

const etcdTimeoutMs = 60_000
const serverTimeoutMs = 120_000

/**
 * Starts a control plane of its own on free ports, which ends with this process at the latest.
 *
 * @returns the reason where there are neither binaries nor a way to build them.
 * @throws when a build or a component fails, with the end of its output.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane | Unavailable> {
  const env = options.env ?? process.env
  const report = options.report ?? (() => undefined)
  const binaries =
    options.binaries ?? (await findBinaries({ env, cache: cacheFolder(env, homedir(), 'control-plane'), report }))
  if ('reason' in binaries) return binaries

  const started = performance.now()
  const directory = await mkdtemp(join(tmpdir(), 'adloom-control-plane-'))
  const components: Component[] = []
  const stop = async () => {
    for (const component of components.reverse()) await component.stop()
    components.length = 0
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const etcd = await startEtcd(binaries, directory, components)
    const access = await startApiServer(binaries, { directory, etcd, nodeAddress: options.nodeAddress }, components)
    await startControllerManager(binaries, directory, access, components)
    report(`ready at ${access.server} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    return { ...access, directory, processes: components.map(({ name, pid }) => ({ name, pid })), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startEtcd(binaries: Binaries, directory: string, components: Component[]): Promise<string> {
  const client = `http://127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const etcd = startComponent(
    binaries.etcd,
    [
      `--data-dir=${join(directory, 'etcd')}`,
      // The data live as long as the test.
      '--unsafe-no-fsync',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ],
    directory,
    'etcd',
  )
  components.push(etcd)
  await etcd.until(async () => (await fetch(`${client}/health`)).ok, etcdTimeoutMs)
  return client
}

type Access = Pick<ControlPlane, 'kubeconfig' | 'server' | 'token' | 'ca'>

async function startApiServer(
  binaries: Binaries,
  { directory, etcd, nodeAddress }: { directory: string; etcd: string; nodeAddress: string | undefined },
  components: Component[],
): Promise<Access> {
  const port = await freePort()
  // The certificate that it signs names the address that it binds, or localhost where it binds them all.
  const server = nodeAddress === undefined ? `https://127.0.0.1:${port}` : `https://localhost:${port}`
  const token = randomBytes(24).toString('hex')
  const keys = await writeServiceAccountKeys(directory)
  const tokens = join(directory, 'tokens.csv')
  await writeFile(tokens, `${token},admin,admin,system:masters\n`, { mode: 0o600 })
  const component = startComponent(
    binaries.apiServer,
    [
      `--etcd-servers=${etcd}`,
      `--bind-address=${nodeAddress === undefined ? '127.0.0.1' : '0.0.0.0'}`,
      `--secure-port=${port}`,
      // An endpoint of the Service "kubernetes" must not be a loopback address; without a node nothing connects to it.
      `--advertise-address=${nodeAddress ?? '192.0.2.1'}`,
      // Else logs and exec would ask a name server for the node.
      '--kubelet-preferred-address-types=InternalIP',
      // The server signs a certificate for itself here and stores the authority's behind it in the same file.
      `--cert-dir=${join(directory, 'certificates')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${keys.public}`,
      `--service-account-signing-key-file=${keys.private}`,
      `--token-auth-file=${tokens}`,
      '--authorization-mode=Node,RBAC',
      '--service-cluster-ip-range=10.96.0.0/24',
      '--allow-privileged=true',
      '--profiling=false',
    ],
    directory,
    'kube-apiserver',
  )
  components.push(component)
  const ca = join(directory, 'certificates', 'apiserver.crt')
  await component.until(
    async () => (await request({ server, token, ca: await readFile(ca, 'utf8') }, '/readyz')).ok,
    serverTimeoutMs,
  )
  const kubeconfig = join(directory, 'kubeconfig')
  await writeFile(kubeconfig, describeAccess(server, ca, token), { mode: 0o600 })
  return { kubeconfig, server, token, ca: await readFile(ca, 'utf8') }
}

async function startControllerManager(
  binaries: Binaries,
  directory: string,
  access: Access,
  components: Component[],
): Promise<void> {
  const component = startComponent(
    binaries.controllerManager,
    [
      `--kubeconfig=${access.kubeconfig}`,
      `--authentication-kubeconfig=${access.kubeconfig}`,
      `--authorization-kubeconfig=${access.kubeconfig}`,
      `--service-account-private-key-file=${join(directory, 'service-account.key')}`,
      `--root-ca-file=${join(directory, 'certificates', 'apiserver.crt')}`,
      // A service account for each of its controllers, made at 20 requests a second, would double the time to start.
      '--use-service-account-credentials=false',
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--secure-port=${await freePort()}`,
      `--cert-dir=${join(directory, 'certificates')}`,
      '--controllers=*',
      '--profiling=false',
    ],
    directory,
    'kube-controller-manager',
  )
  components.push(component)
  // Bare Pods are Forbidden until this one exists.
  const account = '/api/v1/namespaces/default/serviceaccounts/default'
  await component.until(async () => (await request(access, account)).ok, serverTimeoutMs)
}

async function request({ server, token, ca }: Omit<Access, 'kubeconfig'>, path: string): Promise<{ ok: boolean }> {
  const dispatcher = new Agent({ connect: { ca } })
  try {
    const response = await fetch(`${server}${path}`, { dispatcher, headers: { authorization: `Bearer ${token}` } })
    await response.text()
    return { ok: response.ok }
  } finally {
    await dispatcher.close()
  }
}

async function writeServiceAccountKeys(directory: string): Promise<{ public: string; private: string }> {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const paths = { public: join(directory, 'service-account.pub'), private: join(directory, 'service-account.key') }
  await writeFile(paths.public, pair.publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(paths.private, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return paths
}

function describeAccess(server: string, ca: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  })
}
