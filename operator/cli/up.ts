import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RankAnswer, RankRequest } from '../../crds/rank.ts'
import type { Client } from '../cluster/client.ts'
import { ApiError, ifThere } from '../cluster/errors.ts'
import { keyOf, SECRET } from '../cluster/resources.ts'
import { findCondition } from '../control/conditions.ts'
import { withLastApplied } from './last-applied.ts'
import { LiveDisplay } from './live-display.ts'
import { type LocalCluster, logFile, startLocalCluster } from './local-cluster.ts'
import { createLog } from './log.ts'
import { type Manifest, readManifests } from './manifests.ts'
import { type ShownObject, settledState } from './progress-table.ts'
import { type Asked, resultScreen } from './result-screen.ts'
import { UsageError } from './usage-error.ts'

export interface UpCommand {
  filename: string[]
  directory: string
  namespace: string
  kubeconfig?: string
  store?: string
  once?: boolean
  keep?: boolean
  fresh?: boolean
  timeout: number
}

const lookMs = 500
const cliFieldManager = 'adloom-cli'

/** Runs Adloom on this machine with the given manifests. */
export async function up(command: UpCommand): Promise<void> {
  const started = performance.now()
  const directory = resolve(command.directory)
  const manifests = readManifests(command.filename, process.env)
  for (const { object } of manifests) object.metadata.namespace ??= command.namespace
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const display = new LiveDisplay(process.stdout)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const cluster = await startLocalCluster({
    directory,
    fresh: command.fresh === true,
    log: createLog(logFile(directory)),
    report: (line) => display.report(line),
    ...(command.kubeconfig === undefined ? {} : { kubeconfig: command.kubeconfig }),
    ...(command.store === undefined ? {} : { storeUri: command.store }),
  })
  try {
    const secrets = manifests.filter(({ resource }) => resource === SECRET)
    const followed = manifests.filter(({ resource }) => resource !== SECRET)
    await applyManifests(cluster, [...secrets, ...followed])
    const failed = command.once ? await runOnce(command, cluster, followed, display, started, stop.signal) : false
    if (!command.once || (command.keep && !stop.signal.aborted)) {
      display.report('Stays up; end it with Ctrl-C.')
      await follow(cluster.client, followed, display, stop.signal)
    }
    if (failed) process.exitCode = 1
  } finally {
    display.end()
    await cluster.stop()
  }
}

async function applyManifests(cluster: LocalCluster, manifests: readonly Manifest[]): Promise<void> {
  for (const namespace of new Set(manifests.map(({ object }) => object.metadata.namespace ?? '')))
    await cluster.prepareNamespace(namespace)
  for (const { resource, object, place } of manifests) {
    try {
      const applied = resource === SECRET ? object : withLastApplied(object)
      await cluster.client.apply(resource, applied, { fieldManager: cliFieldManager, force: true })
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      throw new UsageError(`${place}: ${object.kind} "${object.metadata.name}" was refused: ${error.message}`)
    }
  }
}

/** Until all is settled; true when something failed. */
async function runOnce(
  command: UpCommand,
  cluster: LocalCluster,
  manifests: readonly Manifest[],
  display: LiveDisplay,
  started: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + command.timeout * 1000
  let objects: ShownObject[] = []
  while (!signal.aborted) {
    objects = await read(cluster.client, manifests)
    display.show(objects)
    const states = objects.map(settledState)
    if (states.includes('Failed') || states.every((state) => state === 'Current')) break
    if (performance.now() > deadline) {
      display.end()
      display.report(`Not finished after ${command.timeout} s: ${waitingWords(objects)}`)
      return true
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
  display.end()
  if (signal.aborted) return false
  const failed = objects.filter((object) => settledState(object) === 'Failed')
  for (const object of failed) display.report(`${object.kind}/${object.metadata.name}: ${readyMessage(object)}`)
  if (failed.length > 0) return true
  const notPassed = objects.filter(({ status }) => findCondition(status?.conditions, 'Passed')?.status === 'False')
  const asked = await askRankers(cluster, objects)
  const seconds = (performance.now() - started) / 1000
  for (const line of resultScreen(objects, asked, seconds, nextSteps(command, cluster, objects, asked)))
    display.report(line)
  return notPassed.length > 0
}

async function follow(
  client: Client,
  manifests: readonly Manifest[],
  display: LiveDisplay,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    display.show(await read(client, manifests))
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Objects that were deleted meanwhile are no longer followed. */
async function read(client: Client, manifests: readonly Manifest[]): Promise<ShownObject[]> {
  const objects = await Promise.all(
    manifests.map(({ resource, object }) => ifThere(client.get<ShownObject>(resource, keyOf(object)))),
  )
  return objects.filter((object) => object !== undefined)
}

const readyMessage = ({ status }: ShownObject): string => findCondition(status?.conditions, 'Ready')?.message ?? ''

const waitingWords = (objects: readonly ShownObject[]): string =>
  objects
    .filter((object) => settledState(object) !== 'Current')
    .map(
      (object) =>
        `${object.kind}/${object.metadata.name} is ${object.status?.state ?? 'not seen'}: ${readyMessage(object)}`,
    )
    .join('; ')

/** Asks each ranker for a list, first for a user that nobody knows, then for one who took the first two of it. */
async function askRankers(cluster: LocalCluster, objects: readonly ShownObject[]): Promise<Asked[]> {
  const rankers = objects.filter(({ kind }) => kind === 'RankerDeployment')
  const asked: Asked[] = []
  for (const { metadata } of rankers) {
    const address = cluster.services.serviceAddress(metadata.namespace ?? '', metadata.name)
    if (!address) continue
    const url = `http://${address.host}:${address.ports[0]?.port}`
    const { entries, auction } = (await ask(url, {})).answer
    const history = entries.slice(0, 2).map(({ item }) => item)
    // An auction has a session ready for lists of its usual length.
    asked.push(await ask(url, { user: { history }, ...(auction === undefined ? { slots: 5 } : { explain: true }) }))
  }
  return asked
}

async function ask(url: string, request: RankRequest): Promise<Asked> {
  const response = await fetch(`${url}/v1/rank`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  if (!response.ok) throw new Error(`${url}/v1/rank answered ${response.status}: ${await response.text()}`)
  return { url, request, answer: (await response.json()) as RankAnswer }
}

function nextSteps(
  command: UpCommand,
  cluster: LocalCluster,
  objects: readonly ShownObject[],
  asked: readonly Asked[],
): string[] {
  const [first] = asked
  const run = objects.find(({ kind }) => kind === 'TrainingRun')
  if (!command.keep)
    return [
      '',
      'Next: the same with --keep stays up for kubectl and curl; docs/guide.md says how to use your own logs.',
    ]
  return [
    '',
    'Next, in another terminal:',
    `  export KUBECONFIG=${cluster.kubeconfigPath}`,
    '  kubectl get adloom',
    ...(run ? [`  kubectl describe trainingrun ${run.metadata.name}`] : []),
    ...(first
      ? [`  curl -s ${first.url}/v1/rank -H 'content-type: application/json' -d '${JSON.stringify(first.request)}'`]
      : []),
  ]
}
