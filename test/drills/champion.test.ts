import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { resourceOf } from '../../crds/kind.ts'
import { type RankerDeployment, rankerDeployment } from '../../crds/kinds/ranker-deployment.ts'
import { type RankerPipeline, rankerPipeline } from '../../crds/kinds/ranker-pipeline.ts'
import { withLastApplied } from '../../operator/cli/last-applied.ts'
import { readManifests } from '../../operator/cli/manifests.ts'
import { projectRoot } from '../../operator/cli/replace-process.ts'
import type { KubernetesObject } from '../../operator/cluster/objects.ts'
import { NAMESPACE, SERVICE } from '../../operator/cluster/resources.ts'
import { type TestCluster, withLocalCluster } from '../support/local-cluster.ts'
import { rank } from '../support/rank.ts'
import { onThisMachine } from '../support/retraining/on-this-machine.ts'
import { startSteadyClient } from '../support/steady-client.ts'
import { until } from '../support/until.ts'

const RANKER_PIPELINE = resourceOf(rankerPipeline)
const RANKER_DEPLOYMENT = resourceOf(rankerDeployment)
const namespace = 'market'
const key = { namespace, name: 'champion' }

/** The example as it is, but for an analysis of seconds. */
const example = (file: string) =>
  readManifests([join(projectRoot, 'examples/champion', file)], {}).map(({ resource, object }) => {
    const here = { ...object, metadata: { ...object.metadata, namespace } }
    return { resource, object: object.kind === 'RankerDeployment' ? quick(here as RankerDeployment) : here }
  })

const quick = (ranker: RankerDeployment): RankerDeployment => {
  const copy = structuredClone(ranker)
  for (const { analysis } of copy.spec.rollout?.steps ?? [])
    for (const metric of analysis?.metrics ?? []) Object.assign(metric, { intervalSeconds: 5, count: 3 })
  return copy
}

/** The candidate with a gate that no model passes whose prices leave anything to gain. */
function demanding(candidate: KubernetesObject): KubernetesObject {
  const copy = structuredClone(candidate) as RankerPipeline
  const gate = copy.spec.evaluationTemplate?.gates?.find(({ metric }) => metric === 'Model/Psi')
  Object.assign(gate ?? {}, { max: '0.0001' })
  return copy
}

test('examples/champion: a OneRanker is refused with the reason, then takes over from an EGA-V2 by a canary, and gives back', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    const { client } = cluster
    const readPipeline = () => client.get<RankerPipeline>(RANKER_PIPELINE, key)
    const readRanker = () => client.get<RankerDeployment>(RANKER_DEPLOYMENT, key)
    const untilEnded = (run: number) =>
      until(async () => {
        const found = (await readPipeline()).status?.runs?.find(({ number }) => number === run)
        return found !== undefined && found.state !== 'Running' && found
      })
    const untilServed = (digest: string) =>
      until(async () => {
        const { status } = await readRanker()
        return status?.servedDigest === digest && status.rollout === undefined
      })
    const { apply, diff, rankUrl } = onThisMachine(cluster)

    // As `adloom up` applies it.
    await client.apply(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await cluster.prepareNamespace(namespace)
    for (const { resource, object } of example('1-ega-v2.yaml'))
      await client.apply(resource, withLastApplied(object), { fieldManager: 'adloom-cli', force: true })
    const first = await untilEnded(1)
    expect(first, JSON.stringify(first)).toMatchObject({ state: 'Promoted' })
    const egaV2 = (await readPipeline()).status?.champion?.digest ?? ''
    await untilServed(egaV2)
    const url = await rankUrl(namespace, key.name)
    const body = { slots: 6, user: { history: ['item-1', 'item-2'] } }
    const before = await rank(url, body)
    expect(before).toMatchObject({ model: { digest: egaV2 }, auction: { paymentRule: 'PaymentNetwork' } })
    expect(before.auction?.alpha).toBeDefined()
    const visitors = startSteadyClient(url, { perSecond: 16, body, freshConnections: true })
    onTestFinished(async () => void (await visitors.stop()))

    // Refused by a gate, it serves nobody.
    const [candidate] = example('2-one-ranker.yaml').map(({ object }) => object)
    if (candidate === undefined) throw new Error('2-one-ranker.yaml holds no pipeline')
    await apply(demanding(candidate))
    const { model } = (await readPipeline()).spec.trainingTemplate
    expect([model?.architecture, model?.ega]).toEqual(['OneRanker', undefined])
    expect(await untilEnded(2)).toMatchObject({
      state: 'NotPromoted',
      message: expect.stringMatching(/little-to-gain-by-lying: Model\/Psi is .* exceeds 0.0001/),
    })
    expect((await readRanker()).status).toMatchObject({ servedDigest: egaV2, wantedDigest: egaV2 })

    // As the example has it, it is better, and is rolled out under the eyes of visitors.
    await apply(candidate)
    const third = await untilEnded(3)
    expect(third, JSON.stringify(third)).toMatchObject({ state: 'Promoted' })
    const oneRanker = third.model ?? ''
    expect(oneRanker).not.toBe(egaV2)
    const traffic = await until(() => trafficWhileRollingOut(cluster, 50))
    expect(traffic).toMatchObject({ weights: { stable: 50, canary: 50 }, shadow: { to: 'canary', percent: 20 } })
    await untilServed(oneRanker)
    const { status } = await readRanker()
    expect(status?.revisions?.[0]).toMatchObject({ digest: oneRanker, outcome: 'Promoted' })
    const after = await rank(url, body)
    expect(after).toMatchObject({ model: { digest: oneRanker }, auction: { paymentRule: 'CriticalBid' } })
    expect(after.auction?.alpha).toBeUndefined()
    for (const { bid = 0, payment = 0 } of after.entries) expect(payment).toBeLessThanOrEqual(bid)
    expect(await keptHistories(url)).toBeGreaterThan(0)
    expect(await diff(candidate)).toBe('')

    // The way back, by the digest of the model before.
    const annotations = { 'adloom.dev/promote': egaV2 }
    await client.mergePatch(RANKER_PIPELINE, key, { metadata: { annotations } })
    await untilServed(egaV2)
    // Numbers of an answer differ in their last digits by what else was in its batch.
    const shown = ({ entries }: typeof before) => entries.map(({ item, creative }) => [item, creative])
    expect(shown(await rank(url, body))).toEqual(shown(before))
    expect((await visitors.stop()).failures).toEqual([])
  })
}, 600_000)

/** What the proxy is told, once the canary gets so many percent of the requests. */
async function trafficWhileRollingOut({ client }: TestCluster, canary: number): Promise<object | undefined> {
  const { metadata } = await client.get<KubernetesObject>(SERVICE, key)
  const told = JSON.parse(metadata.annotations?.['adloom.dev/traffic'] ?? '{}')
  return told.weights?.canary === canary ? told : undefined
}

/** Histories that the model which answers did not have to read again. */
async function keptHistories(rankUrl: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', rankUrl))).text()
  const line = text.split('\n').find((each) => each.startsWith('adloom_auction_histories_total{source="kept"}'))
  return Number(line?.split(' ').at(-1) ?? 0)
}
