import { expect, onTestFinished } from 'vitest'
import { resourceOf } from '../../../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../../../crds/kinds/ranker-deployment.ts'
import { type RankerPipeline, rankerPipeline } from '../../../crds/kinds/ranker-pipeline.ts'
import type { Client } from '../../../operator/cluster/client.ts'
import { rank } from '../rank.ts'
import { startSteadyClient } from '../steady-client.ts'
import { until } from '../until.ts'
import {
  datasetOf,
  type Fault,
  faultOf,
  name,
  namespace,
  noFault,
  pipelineOf,
  rankerOf,
  workerPool,
} from './manifests.ts'

/** Where Adloom runs: a node with the chart, or this machine. */
export interface RetrainingCluster {
  client: Pick<Client, 'get'>
  /** As a user does, by kubectl. */
  apply(...objects: object[]): Promise<unknown>
  /** What `apply` would change; empty when nothing. */
  diff(...objects: object[]): Promise<string>
  /** Where the ranker of that name answers. */
  rankUrl(namespace: string, name: string): Promise<string>
  /** Folder of Adloom and its packages, as a serving Pod sees it. */
  root: string
}

const RANKER_PIPELINE = resourceOf(rankerPipeline)
const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)
const key = { namespace, name }
const passes = '0'
const items = 100
/** A catalogue without what callers ask for: nothing is wrong with such a model but that its lists are empty. */
const itemsKept = 60

/** From the first model to three that broke online; ends with the second one, which was good, as the champion. */
export async function retrainAndRollOut(cluster: RetrainingCluster): Promise<void> {
  await cluster.apply(await faultOf(noFault, cluster.root), workerPool)
  await cluster.apply(datasetOf(items), pipelineOf(1, passes), rankerOf())
  const first = await untilChampion(cluster, 1)
  await untilServed(cluster, first)

  const url = await cluster.rankUrl(namespace, name)
  expect((await rank(url, { slots: 5 })).model.digest).toBe(first)
  // Each request on a connection of its own, so that they spread over the Pods.
  const client = startSteadyClient(url, { perSecond: 16, body: { slots: 5 }, freshConnections: true })
  onTestFinished(async () => void (await client.stop()))

  // Changed data make a good model, which takes over without a failed request.
  await cluster.apply(datasetOf(items, 330))
  const good = await untilChampion(cluster, 2)
  expect(good).not.toBe(first)
  await untilServed(cluster, good)
  expect((await readRanker(cluster)).status?.revisions?.[0]).toMatchObject({ digest: good, outcome: 'Promoted' })
  expect(client.tally.failures).toEqual([])
  // Git stays the only source of intent.
  expect(await cluster.diff(workerPool, datasetOf(items, 330), pipelineOf(1, passes), rankerOf())).toBe('')

  // A model that fails its gate serves nobody.
  await cluster.apply(pipelineOf(2, '0.99'))
  await until(async () => stateOfRun(await readPipeline(cluster), 3) === 'NotPromoted')
  const unmoved = await readRanker(cluster)
  expect(unmoved.status?.revisions).toHaveLength(2)
  expect(unmoved.status).toMatchObject({ stableDigest: good, wantedDigest: good })

  // Models that pass offline and break online go, and the one before serves on.
  await expectTurnedBack(cluster, {
    run: 4,
    fault: { kind: 'failing', healthy: good },
    breaks: () => cluster.apply(pipelineOf(4, passes)),
  })
  await expectTurnedBack(cluster, {
    run: 5,
    fault: { kind: 'slow', healthy: good },
    breaks: () => cluster.apply(pipelineOf(5, passes)),
  })
  await client.stop()

  const gone = Array.from({ length: items - itemsKept }, (_, index) => `item-${itemsKept + index}`)
  const body = { slots: 5, candidates: { organic: gone } }
  expect((await rank(url, body)).entries).toHaveLength(5)
  const asking = startSteadyClient(url, { perSecond: 20, body, freshConnections: true })
  onTestFinished(async () => void (await asking.stop()))
  await expectTurnedBack(cluster, {
    run: 6,
    fault: noFault,
    breaks: () => cluster.apply(datasetOf(itemsKept)),
  })
  expect(asking.tally.failures).toEqual([])
  const answer = await rank(url, body)
  expect(answer).toMatchObject({ model: { digest: good }, entries: { length: 5 } })
}

interface Break {
  /** Number of the run that makes the model. */
  run: number
  fault: Fault
  breaks(): Promise<unknown>
}

async function expectTurnedBack(cluster: RetrainingCluster, { run, fault, breaks }: Break): Promise<void> {
  const { stableDigest: before } = (await readRanker(cluster)).status ?? {}
  await cluster.apply(await faultOf(fault, cluster.root))
  await breaks()
  const made = await until(
    async () => (await readPipeline(cluster)).status?.runs?.find(({ number }) => number === run)?.model,
  )
  expect(made).not.toBe(before)
  await until(async () => (await readRanker(cluster)).status?.rejected?.some(({ digest }) => digest === made))
  const ranker = await until(async () => {
    const found = await readRanker(cluster)
    return found.status?.wantedDigest === before && found.status?.rollout === undefined && found
  })
  expect(ranker.status?.stableDigest, fault.kind).toBe(before)
  const pipeline = await readPipeline(cluster)
  expect(pipeline.status?.champion?.digest).toBe(before)
  expect(pipeline.status?.rejected?.map(({ digest }) => digest)).toContain(made)
}

const readPipeline = ({ client }: RetrainingCluster) => client.get<RankerPipeline>(RANKER_PIPELINE, key)
const readRanker = ({ client }: RetrainingCluster) => client.get<RankerDeployment>(RANKER_DEPLOYMENT, key)
const stateOfRun = ({ status }: RankerPipeline, run: number) =>
  status?.runs?.find(({ number }) => number === run)?.state

/** The digest of the champion that this run made. */
function untilChampion(cluster: RetrainingCluster, run: number): Promise<string> {
  return until(async () => {
    const { status } = await readPipeline(cluster)
    const state = stateOfRun({ status } as RankerPipeline, run)
    expect(state === undefined || state === 'Running' || state === 'Promoted', JSON.stringify(status)).toBe(true)
    return status?.champion?.run === run && status.champion.digest
  })
}

/** Stable serves the model and nothing else is on its way. */
async function untilServed(cluster: RetrainingCluster, digest: string): Promise<void> {
  await until(async () => {
    const { status } = await readRanker(cluster)
    return status?.servedDigest === digest && status.rollout === undefined
  })
}
