import { expect, it, onTestFinished } from 'vitest'
import { resourceOf } from '../../crds/kind.ts'
import type { RankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { type RankerPipeline, rankerPipeline } from '../../crds/kinds/ranker-pipeline.ts'
import { type NodeAccess, sharedNode } from '../support/node/access.ts'
import { installAdloom, rank, rankUrl } from './adloom.ts'
import {
  datasetOf,
  type Fault,
  faultOf,
  name,
  namespace,
  pipelineOf,
  rankerOf,
  workerPool,
} from './pipeline-manifests.ts'
import { RANKER_DEPLOYMENT } from './quickstart.ts'
import { startSteadyClient } from './steady-client.ts'
import { until } from './until.ts'

const RANKER_PIPELINE = resourceOf(rankerPipeline)
const key = { namespace, name }
const passes = '0'
const items = 100

it('a ranker is retrained by changed data and rolled out; what is bad offline or online never stays', async (context) => {
  const node = sharedNode(context)
  await installAdloom(node)
  await node.apply(await faultOf({ kind: 'none', healthy: '' }), workerPool)
  await node.apply(datasetOf(items), pipelineOf(1, passes), rankerOf())
  const first = await untilChampion(node, 1)
  await untilServed(node, first)

  const url = await rankUrl(node, namespace, name)
  // Each request on a connection of its own, so that they spread over the Pods.
  const client = startSteadyClient(url, { perSecond: 16, body: { slots: 5 }, freshConnections: true })
  onTestFinished(async () => void (await client.stop()))

  // Changed data make a good model, which takes over without a failed request.
  await node.apply(datasetOf(items, 330))
  const good = await untilChampion(node, 2)
  expect(good).not.toBe(first)
  await untilServed(node, good)
  expect((await readRanker(node)).status?.revisions?.[0]).toMatchObject({ digest: good, outcome: 'Promoted' })
  expect(client.tally.failures).toEqual([])

  // A model that fails its gate serves nobody.
  await node.apply(pipelineOf(2, '0.99'))
  await until(async () => stateOfRun(await readPipeline(node), 3) === 'NotPromoted')
  const unmoved = await readRanker(node)
  expect(unmoved.status?.revisions).toHaveLength(2)
  expect(unmoved.status).toMatchObject({ stableDigest: good, wantedDigest: good })

  // Models that pass offline and break online go, and the one before serves on.
  await expectTurnedBack(node, {
    run: 4,
    fault: { kind: 'failing', healthy: good },
    breaks: () => node.apply(pipelineOf(4, passes)),
  })
  await expectTurnedBack(node, {
    run: 5,
    fault: { kind: 'slow', healthy: good },
    breaks: () => node.apply(pipelineOf(5, passes)),
  })
  await client.stop()

  // A catalogue without what callers ask for: nothing is wrong with the model but that its lists are empty.
  const kept = 60
  const gone = Array.from({ length: items - kept }, (_, index) => `item-${kept + index}`)
  const body = { slots: 5, candidates: { organic: gone } }
  expect((await rank(url, body)).entries).toHaveLength(5)
  const asking = startSteadyClient(url, { perSecond: 20, body, freshConnections: true })
  onTestFinished(async () => void (await asking.stop()))
  await expectTurnedBack(node, {
    run: 6,
    fault: { kind: 'none', healthy: '' },
    breaks: () => node.apply(datasetOf(kept)),
  })
  expect(asking.tally.failures).toEqual([])
})

interface Break {
  /** Number of the run that makes the model. */
  run: number
  fault: Fault
  breaks(): Promise<unknown>
}

async function expectTurnedBack(node: NodeAccess, { run, fault, breaks }: Break): Promise<void> {
  const { stableDigest: before } = (await readRanker(node)).status ?? {}
  await node.apply(await faultOf(fault))
  await breaks()
  const made = await until(
    async () => (await readPipeline(node)).status?.runs?.find(({ number }) => number === run)?.model,
  )
  expect(made).not.toBe(before)
  await until(async () => (await readRanker(node)).status?.rejected?.some(({ digest }) => digest === made))
  const ranker = await until(async () => {
    const found = await readRanker(node)
    return found.status?.wantedDigest === before && found.status?.rollout === undefined && found
  })
  expect(ranker.status?.stableDigest, fault.kind).toBe(before)
  const pipeline = await readPipeline(node)
  expect(pipeline.status?.champion?.digest).toBe(before)
  expect(pipeline.status?.rejected?.map(({ digest }) => digest)).toContain(made)
}

const readPipeline = ({ client }: NodeAccess) => client.get<RankerPipeline>(RANKER_PIPELINE, key)
const readRanker = ({ client }: NodeAccess) => client.get<RankerDeployment>(RANKER_DEPLOYMENT, key)
const stateOfRun = ({ status }: RankerPipeline, run: number) =>
  status?.runs?.find(({ number }) => number === run)?.state

/** The digest of the champion that this run made. */
function untilChampion(node: NodeAccess, run: number): Promise<string> {
  return until(async () => {
    const { status } = await readPipeline(node)
    const state = stateOfRun({ status } as RankerPipeline, run)
    expect(state === undefined || state === 'Running' || state === 'Promoted', JSON.stringify(status)).toBe(true)
    return status?.champion?.run === run && status.champion.digest
  })
}

/** Stable serves the model and nothing else is on its way. */
async function untilServed(node: NodeAccess, digest: string): Promise<void> {
  await until(async () => {
    const { status } = await readRanker(node)
    return status?.servedDigest === digest && status.rollout === undefined
  })
}
