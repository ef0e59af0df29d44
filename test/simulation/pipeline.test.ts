import { describe, expect, test } from 'vitest'
import type { PipelineStatus } from '../../crds/pipeline-status.ts'
import { dataset, workerPool } from './chain.ts'
import { beginnings, datasetWith, isSettled, look, pipelineNamed, runsOf, templates } from './pipeline.ts'
import { namespace, resourceNamed, Simulation } from './simulation.ts'

async function simulated(scenario: (simulation: Simulation) => Promise<void>): Promise<void> {
  const simulation = await Simulation.start()
  try {
    await scenario(simulation)
  } finally {
    await simulation.stop()
  }
}

/** Applies, and waits until nothing is on; gives status then. */
async function settled(simulation: Simulation, ...objects: Parameters<Simulation['apply']>): Promise<PipelineStatus> {
  await simulation.apply(...objects)
  await simulation.until('the pipeline is settled', () => isSettled(simulation))
  return look(simulation)
}

const annotate = (simulation: Simulation, annotations: Record<string, string>) =>
  simulation.client.mergePatch(
    resourceNamed('RankerPipeline'),
    { namespace, name: 'ads' },
    { metadata: { annotations } },
  )

const pipelineResource = resourceNamed('RankerPipeline')

test('the first run makes the champion, and then nothing is written in ten resyncs', () =>
  simulated(async (simulation) => {
    const status = await settled(simulation, ...beginnings)
    expect(runsOf(status)).toEqual(['ads-1 Promoted'])
    expect(status.champion).toMatchObject({ trainingRun: 'ads-1', reason: 'Passed; there is no champion' })
    expect(simulation.log.lines.filter(({ level }) => level === 'error')).toEqual([])
    await simulation.pass(60)
    const written = simulation.writes.length
    await simulation.pass(55 * 60)
    expect(simulation.writes.slice(written)).toEqual([])
  }))

test('a new Dataset revision makes a candidate that takes over, is warm-started, and is compared with the champion', () =>
  simulated(async (simulation) => {
    const minimumDifferences = [{ metric: 'Recall@10', value: '0.005' }]
    const tokenizer = { policy: 'ReuseChampion', maxUnseenItemsPercent: 20 }
    const pipeline = pipelineNamed({ promotion: { minimumDifferences }, warmStart: 'Champion', tokenizer })
    const first = (await settled(simulation, pipeline, dataset, workerPool)).champion
    const status = await settled(simulation, datasetWith(11))
    expect(runsOf(status)).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
    expect(status.champion).toMatchObject({
      parent: first?.digest,
      reason: 'Passed; Recall@10 differs from the champion by 0.02000 [0.01000, 0.03000]',
    })
    expect(status.lineage).toEqual([first])
    expect(await simulation.find('TokenizerBuild', 'ads-2')).toMatchObject({
      spec: { reuse: { digest: first?.tokenizer, maxUnseenItemsPercent: 20 } },
    })
    simulation.workers.gain = { difference: 0.02, low: 0.004, high: 0.03 }
    const later = await settled(simulation, datasetWith(12))
    expect(runsOf(later)).toEqual(['ads-3 NotPromoted', 'ads-2 Promoted', 'ads-1 Promoted'])
    expect(later.champion).toEqual(status.champion)
    expect(later.runs?.[0]?.message).toContain('at least 0.005 is wanted')
  }))

test('what Git applied stays as it is: applying it again writes nothing', () =>
  simulated(async (simulation) => {
    await settled(simulation, ...beginnings)
    const before = await simulation.client.get(pipelineResource, { namespace, name: 'ads' })
    await simulation.apply(...beginnings)
    const { metadata } = await simulation.client.get(pipelineResource, { namespace, name: 'ads' })
    expect(metadata).toEqual(before.metadata)
    const managers = (metadata.managedFields ?? []) as { manager: string; subresource?: string }[]
    expect(managers.filter(({ manager, subresource }) => manager !== 'user' && subresource !== 'status')).toEqual([])
  }))

test('what asks while a run is on makes one run, which says all of it', () =>
  simulated(async (simulation) => {
    await simulation.apply(...beginnings)
    await simulation.until('a run is on', async () => (await look(simulation)).runs?.[0]?.state === 'Running')
    await simulation.apply(pipelineNamed({ trainingTemplate: { ...templates.trainingTemplate, seed: 5 } }))
    await annotate(simulation, { 'adloom.dev/retrain': 'monday' })
    await simulation.until('all of it waits', async () => (await look(simulation)).pending?.length === 2)
    await simulation.until('the pipeline is settled', () => isSettled(simulation))
    const status = await look(simulation)
    expect(runsOf(status)).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
    expect(status.runs?.[0]?.triggers).toEqual(['the templates changed', 'adloom.dev/retrain is "monday"'])
  }))

test('with policy Manual a digest in the manifest promotes, and an older one goes back', () =>
  simulated(async (simulation) => {
    const manual = (approvedDigest?: string) =>
      pipelineNamed({ promotion: { policy: 'Manual', ...(approvedDigest ? { approvedDigest } : {}) } })
    const first = (await settled(simulation, manual(), dataset, workerPool)).candidate?.digest ?? ''
    expect((await settled(simulation, manual(first))).champion?.digest).toBe(first)
    const second = (await settled(simulation, datasetWith(11))).candidate?.digest ?? ''
    expect((await look(simulation)).champion?.digest).toBe(first)
    expect((await settled(simulation, manual(second))).champion?.digest).toBe(second)
    expect((await settled(simulation, manual(first))).champion?.digest).toBe(first)
  }))

test('a schedule starts a run at its time, and what has not changed is not trained again', () =>
  simulated(async (simulation) => {
    const schedules = [{ name: 'hourly', cron: '0 * * * *' }]
    const pipeline = pipelineNamed({ triggers: { schedules, onDatasetRevision: false } })
    await settled(simulation, pipeline, dataset, workerPool)
    await simulation.pass(3600 - 120)
    expect(runsOf(await look(simulation))).toEqual(['ads-1 Promoted'])
    await simulation.pass(120)
    await simulation.until('the pipeline is settled', () => isSettled(simulation))
    expect(runsOf(await look(simulation))).toEqual(['ads-2 Unchanged', 'ads-1 Promoted'])
    expect(simulation.workers.taken.filter((job) => job.startsWith('TrainingRun'))).toEqual(['TrainingRun ads-1'])
  }))

describe('a suspension', () => {
  test('in the middle of a run stops its job, and the run goes on after it', () =>
    simulated(async (simulation) => {
      await simulation.apply(...beginnings)
      await simulation.until('training is on', async () => simulation.workers.taken.includes('TrainingRun ads-1'))
      await simulation.apply(pipelineNamed({ suspend: true }))
      await simulation.pass(60)
      expect((await look(simulation)).state).toBe('Suspended')
      expect(simulation.queue.jobsLeft().filter((job) => job.startsWith('Active'))).toEqual([])
      const status = await settled(simulation, pipelineNamed({ suspend: false }))
      expect(runsOf(status)).toEqual(['ads-1 Promoted'])
    }))
})

describe('a pipeline that is gone', () => {
  test('deleted in the middle of a run it takes everything with it, and the next of its name finds its champion', () =>
    simulated(async (simulation) => {
      const { champion } = await settled(simulation, ...beginnings)
      await simulation.apply(datasetWith(11))
      await simulation.until('training is on', async () => simulation.workers.taken.includes('TrainingRun ads-2'))
      await simulation.client.delete(pipelineResource, { namespace, name: 'ads' })
      await simulation.until('its runs are gone', async () => {
        const { items } = await simulation.client.list(resourceNamed('TrainingRun'), { namespace })
        return items.length === 0
      })
      await simulation.apply(pipelineNamed())
      await simulation.until('it has looked', async () => (await look(simulation)).champion !== undefined)
      expect((await look(simulation)).champion).toEqual(champion)
      const status = await settled(simulation)
      expect(runsOf(status)).toEqual(['ads-2 Promoted'])
      expect(status.champion?.run).toBe(2)
    }))

  test('with its whole cluster, it is built anew from Git alone, finds its champion and trains nothing', () =>
    simulated(async (simulation) => {
      await settled(simulation, ...beginnings)
      const { champion, lineage } = await settled(simulation, datasetWith(11))
      const trained = simulation.workers.taken.length
      await simulation.loseCluster()
      const status = await settled(simulation, pipelineNamed(), datasetWith(11), workerPool)
      expect(status.champion).toEqual(champion)
      expect(status.lineage).toEqual(lineage)
      expect(runsOf(status)).toEqual([])
      expect(simulation.workers.taken.slice(trained)).toEqual([])
      expect(status.state).toBe('Promoted')
    }))
})

test('a candidate that waits for a person waits on in a cluster that is built anew from Git alone', () =>
  simulated(async (simulation) => {
    const manual = (promotion: object = {}) => pipelineNamed({ promotion: { policy: 'Manual', ...promotion } })
    const first = (await settled(simulation, manual(), dataset, workerPool)).candidate
    const approved = { approvedDigest: first?.digest }
    await settled(simulation, manual(approved))
    const { champion, candidate } = await settled(simulation, datasetWith(11))
    const trained = simulation.workers.taken.length
    await simulation.loseCluster()
    const status = await settled(simulation, manual(approved), datasetWith(11), workerPool)
    expect(status).toMatchObject({ champion, candidate, state: 'AwaitingApproval', lastRunNumber: 2 })
    expect(runsOf(status)).toEqual([])
    await annotate(simulation, { 'adloom.dev/promote': 'tuesday' })
    await simulation.until(
      'it is promoted',
      async () => (await look(simulation)).champion?.digest === candidate?.digest,
    )
    const promoted = await look(simulation)
    expect(promoted.candidate).toBeUndefined()
    expect(promoted.lineage).toEqual([champion])
    await simulation.loseCluster()
    const later = await settled(simulation, manual(approved), datasetWith(11), workerPool)
    expect(later).toMatchObject({ champion: promoted.champion, lineage: promoted.lineage })
    expect(later.candidate).toBeUndefined()
    expect(simulation.workers.taken.slice(trained)).toEqual([])
  }))

test("a champion's artifact that was deleted by hand is made again by its run, with the same digest", () =>
  simulated(async (simulation) => {
    const { champion } = await settled(simulation, ...beginnings)
    const digest = champion?.digest ?? ''
    await simulation.store.quarantine(digest)
    await annotate(simulation, { 'reconcile.fluxcd.io/requestedAt': 'now' })
    await simulation.until('it is made again', async () => (await simulation.store.stat(digest)) !== undefined)
    await simulation.until('the pipeline is settled', () => isSettled(simulation))
    await simulation.pass(10)
    const status = await look(simulation)
    expect(status.champion).toEqual(champion)
    expect(status.state).toBe('Promoted')
  }))

test('children of a run that are deleted, by a TTL or by hand, are not made again once it is over', () =>
  simulated(async (simulation) => {
    await settled(simulation, ...beginnings)
    await simulation.client.delete(resourceNamed('TrainingRun'), { namespace, name: 'ads-1' })
    await simulation.pass(120)
    expect(await simulation.find('TrainingRun', 'ads-1')).toBeUndefined()
    expect((await look(simulation)).state).toBe('Promoted')
  }))
