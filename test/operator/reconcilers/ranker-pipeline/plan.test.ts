import { describe, expect, test } from 'vitest'
import { ready, sha, specOf, templateWithSeed, told, World, withChampion, withTwo } from './world.ts'

const exactly = (value: number) => ({ value, uncertainty: 0 })

describe('what asks for a run', () => {
  test('the first look starts the first run, with its three children', () => {
    const world = new World()
    world.look()
    expect(world.states).toEqual(['ads-1 Running'])
    expect(world.status.runs?.[0]?.triggers).toEqual(['no run was started yet'])
    expect(world.children.map(({ kind }) => kind)).toEqual(['TokenizerBuild', 'TrainingRun', 'Evaluation'])
    expect(ready(world)).toBe('reconciling Running')
  })

  test('nothing starts while there is no revision', () => {
    const world = new World()
    world.datasetIsReady = false
    world.settle()
    expect(world.states).toEqual([])
    expect(world.status.pending).toEqual(['no run was started yet'])
    expect(ready(world)).toBe('reconciling DependencyNotReady')
  })

  test('with both of its triggers off, a pipeline waits to be asked', () => {
    const world = new World()
    world.spec = specOf({ triggers: { onDatasetRevision: false, onTemplateChange: false } })
    world.settle()
    expect(world.states).toEqual([])
    world.annotations = { retrain: 'today' }
    world.look()
    expect(world.status.runs?.[0]?.triggers).toEqual(['adloom.dev/retrain is "today"'])
  })

  test('all that asks while a run is on makes one run, which says so', () => {
    const world = new World()
    world.look()
    world.revision = 'second'
    world.spec = specOf({ trainingTemplate: templateWithSeed(2) })
    world.annotations = { retrain: 'a' }
    world.settle()
    expect(world.status.pending).toHaveLength(3)
    world.finish('ads-1')
    world.settle()
    expect(world.states).toEqual(['ads-2 Running', 'ads-1 Promoted'])
    expect(world.status.runs?.[0]?.triggers).toEqual(['the templates changed', 'adloom.dev/retrain is "a"'])
    expect(world.status.pending).toBeUndefined()
  })

  test('a revision that comes before the tokenizer has pinned its own is the one that was learned', () => {
    const world = new World()
    world.look()
    world.revision = 'second'
    world.train()
    expect(world.states).toEqual(['ads-1 Promoted'])
    expect(world.status.trained?.dataset).toBe(sha('second'))
  })

  test('a value of adloom.dev/retrain is one request, also when it asks in vain', () => {
    const world = withChampion()
    world.annotations = { retrain: 'a' }
    world.train()
    expect(world.states).toEqual(['ads-2 Unchanged', 'ads-1 Promoted'])
    expect(world.settle()).toBe(1)
  })

  test('run policy of a template is taken over by the run that is on, and asks for none', () => {
    const world = withChampion()
    world.revision = 'second'
    world.settle()
    const trainingTemplate = { ...world.spec.trainingTemplate, backoffLimit: 9 }
    world.spec = specOf({ trainingTemplate })
    world.settle()
    expect(world.child('TrainingRun', 'ads-2')?.spec.backoffLimit).toBe(9)
    expect(world.status.pending).toBeUndefined()
  })

  test('the least interval between two runs is kept, but for a person', () => {
    const world = withChampion()
    world.spec = specOf({ minimumIntervalSeconds: 3600 })
    world.revision = 'second'
    world.settle()
    expect(world.states).toEqual(['ads-1 Promoted'])
    expect(world.last?.requeueAfterMs).toBe(3540 * 1000)
    world.annotations = { retrain: 'now' }
    world.settle()
    expect(world.states).toEqual(['ads-2 Running', 'ads-1 Promoted'])
  })

  test('a schedule counts from when it is first seen, and the latest of the missed times alone', () => {
    const world = withChampion()
    const schedules = [{ name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC' }]
    world.spec = specOf({ triggers: { onDatasetRevision: true, onTemplateChange: true, schedules } })
    world.settle()
    expect(world.states).toEqual(['ads-1 Promoted'])
    expect(world.status.nextSchedule).toBe('nightly 2026-03-01T03:00:00Z')
    world.pass(3 * 86_400)
    world.look()
    expect(world.status.runs?.[0]?.triggers).toEqual(['schedule "nightly" was due at 2026-03-03T03:00:00Z'])
    expect(world.status.lastScheduleTimes?.[0]?.time).toBe('2026-03-03T03:00:00Z')
  })

  test('a time that is longer ago than startingDeadlineSeconds is passed over, and said', () => {
    const world = withChampion()
    const schedules = [{ name: 'nightly', cron: '0 3 * * *', timeZone: 'UTC' }]
    const triggers = { onDatasetRevision: true, onTemplateChange: true, schedules }
    world.spec = specOf({ triggers, startingDeadlineSeconds: 600 })
    world.settle()
    world.pass(4 * 3600)
    world.look()
    expect(told(world)).toContain('ScheduleMissed')
    expect(world.states).toEqual(['ads-1 Promoted'])
    expect(world.settle()).toBe(1)
  })

  test('drift asks once for a champion and a revision', () => {
    const world = withChampion()
    const digest = world.status.champion?.digest ?? ''
    const drift = { onlineMetrics: [{ metric: 'ctr' as const, min: '0.05' }], scores: { maxPsi: '0.2' } }
    world.spec = specOf({ triggers: { onDatasetRevision: true, onTemplateChange: true, drift } })
    world.followers = [{ name: 'ranker', stableDigest: sha('other'), rejected: [], online: { ctr: exactly(0.01) } }]
    world.settle()
    expect(world.states, 'what serves another model says nothing').toEqual(['ads-1 Promoted'])
    const online = { ctr: { value: 0.01, uncertainty: 0.05 }, scorePsi: exactly(0.1) }
    world.followers = [{ name: 'ranker', stableDigest: digest, rejected: [], online }]
    world.settle()
    expect(world.states, 'a number that may be off by as much says nothing').toEqual(['ads-1 Promoted'])
    const surer = { ...online, ctr: { value: 0.01, uncertainty: 0.004 } }
    world.followers = [{ name: 'ranker', stableDigest: digest, rejected: [], online: surer }]
    world.look()
    expect(world.status.runs?.[0]?.triggers).toEqual(['ctr of RankerDeployment "ranker" is 0.01 ± 0.004, below 0.05'])
    world.train()
    expect(world.states).toEqual(['ads-2 Unchanged', 'ads-1 Promoted'])
    expect(world.settle()).toBe(1)
  })

  test('codes and scores that moved too far ask', () => {
    const world = withChampion()
    const stableDigest = world.status.champion?.digest ?? ''
    const drift = { codes: { maxPsi: '0.2' }, scores: { maxPsi: '0.2' } }
    world.spec = specOf({ triggers: { onDatasetRevision: true, onTemplateChange: true, drift } })
    const online = { codePsi: exactly(0.3), scorePsi: { value: 0.3, uncertainty: 0.2 } }
    world.followers = [{ name: 'ranker', stableDigest, rejected: [], online }]
    world.look()
    expect(world.status.runs?.[0]?.triggers).toEqual([
      'codes of RankerDeployment "ranker" moved by a PSI of 0.3, more than 0.2',
    ])
  })

  test('item popularity that moved too far asks, where a revision alone does not', () => {
    const world = withChampion()
    const drift = { itemPopularity: { maxPsi: '0.2' } }
    world.spec = specOf({ triggers: { onDatasetRevision: false, onTemplateChange: true, drift } })
    world.revision = 'second'
    world.popularityPsi = 0.19
    world.settle()
    expect(world.states).toEqual(['ads-1 Promoted'])
    world.popularityPsi = 0.21
    world.look()
    expect(world.status.runs?.[0]?.triggers).toEqual(['item popularity moved by a PSI of 0.210, more than 0.2'])
  })

  test('a spec that cannot be followed starts nothing, says why, and leaves the champion', () => {
    const world = withChampion()
    world.invalid = 'schedule "x" cannot be read'
    world.revision = 'second'
    world.settle()
    expect(world.states).toEqual(['ads-1 Promoted'])
    expect(ready(world)).toBe('stalled InvalidSpec')
    expect(world.status.champion?.trainingRun).toBe('ads-1')
  })
})

describe('two runs at a time', () => {
  test('Replace stops the run that is on', () => {
    const world = new World()
    world.spec = specOf({ concurrencyPolicy: 'Replace', failedRunsHistoryLimit: 5 })
    world.look()
    world.spec = specOf({ ...world.spec, trainingTemplate: templateWithSeed(2) })
    world.settle()
    expect(world.states).toEqual(['ads-2 Running', 'ads-1 Replaced'])
    expect(new Set(world.children.map(({ name }) => name))).toEqual(new Set(['ads-2']))
  })

  test('Allow lets both run; the one that comes late behind a newer champion is superseded', () => {
    const world = new World()
    world.spec = specOf({ concurrencyPolicy: 'Allow' })
    world.look()
    world.spec = specOf({ ...world.spec, trainingTemplate: templateWithSeed(2) })
    world.settle()
    expect(world.states).toEqual(['ads-2 Running', 'ads-1 Running'])
    world.finish('ads-2')
    world.settle()
    world.finish('ads-1')
    world.settle()
    expect(world.states).toEqual(['ads-2 Promoted', 'ads-1 Superseded'])
  })
})

describe('a model that fails online', () => {
  test('gives way to the champion before, and is not promoted again by the same inputs', () => {
    const world = withTwo()
    const failed = world.status.champion?.digest ?? ''
    world.pass(60)
    world.failOnline(failed)
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
    expect(world.status.rejected?.[0]).toMatchObject({ digest: failed, reason: 'ErrorRate' })
    expect(world.states).toEqual(['ads-2 Rejected', 'ads-1 Promoted'])
    world.annotations = { retrain: 'again' }
    world.train()
    expect(world.states[0]).toBe('ads-3 Rejected')
    expect(world.status.champion?.trainingRun).toBe('ads-1')
  })

  test('comes back when a person asks, and the old finding does not count against it', () => {
    const world = withTwo()
    const failed = world.status.champion?.digest ?? ''
    world.pass(60)
    world.failOnline(failed)
    world.settle()
    world.pass(60)
    world.annotations = { promote: failed }
    world.settle()
    expect(world.status.champion?.digest).toBe(failed)
    expect(world.status.rejected).toBeUndefined()
  })

  test('gives way to other inputs', () => {
    const world = withTwo()
    world.pass(60)
    world.failOnline(world.status.champion?.digest ?? '')
    world.settle()
    world.revision = 'third'
    world.train()
    expect(world.status.champion?.trainingRun).toBe('ads-3')
  })

  test('without one before it leaves no champion, and says what to do', () => {
    const world = withChampion()
    world.pass(60)
    world.failOnline(world.status.champion?.digest ?? '')
    world.settle()
    expect(world.status.champion).toBeUndefined()
    expect(ready(world)).toBe('stalled ChampionRejected')
  })
})

describe("a champion's artifact that is gone", () => {
  test('is made again by its run', () => {
    const world = withTwo()
    world.gone.add(world.status.champion?.digest ?? '')
    world.look()
    expect(world.last?.actions).toEqual([{ do: 'wake', kind: 'TrainingRun', name: 'ads-2' }])
    expect(ready(world)).toBe('reconciling ArtifactMissing')
    world.gone.clear()
    world.look()
    expect(ready(world)).toBe('ready Promoted')
    expect(world.status.champion?.trainingRun).toBe('ads-2')
  })

  test('without its run gives way to the champion before', () => {
    const world = withTwo()
    world.gone.add(world.status.champion?.digest ?? '')
    world.removeRun('ads-2')
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
    expect(ready(world)).toContain('ready')
  })

  test('without anything else stops, and a new run mends it', () => {
    const world = withChampion()
    world.gone.add(world.status.champion?.digest ?? '')
    world.removeRun('ads-1')
    world.settle()
    expect(ready(world)).toBe('stalled ChampionLost')
    expect(world.last?.readiness.message).toContain('adloom.dev/retrain')
    world.annotations = { retrain: 'please' }
    world.settle()
    expect(world.status.runs?.[0]).not.toHaveProperty('champion')
    world.gone.clear()
    world.train()
    expect(ready(world)).toContain('ready')
  })
})

describe('people in the middle of a run', () => {
  test('suspend rests the children and takes no result; resume goes on with the same run', () => {
    const world = new World()
    world.settle()
    world.spec = specOf({ suspend: true })
    world.settle()
    expect(world.children.map(({ spec }) => spec.suspend)).toEqual([true, true, true])
    expect(ready(world)).toBe('held Suspended')
    world.finish('ads-1')
    world.settle()
    expect(world.states).toEqual(['ads-1 Running'])
    world.spec = specOf()
    world.settle()
    expect(world.states).toEqual(['ads-1 Promoted'])
  })

  test('suspended, it still goes back to a former champion when asked', () => {
    const world = withTwo()
    world.spec = specOf({ suspend: true })
    world.annotations = { promote: world.status.lineage?.[0]?.digest ?? '' }
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
  })

  test('abort stops the run and deletes what is left of it', () => {
    const world = withChampion()
    world.revision = 'second'
    world.settle()
    world.annotations = { abort: 'now' }
    world.settle()
    expect(world.states).toEqual(['ads-2 Aborted', 'ads-1 Promoted'])
    expect(world.children.map(({ name }) => name)).not.toContain('ads-2')
  })

  test('a child that is deleted is made again; not so once its run is over', () => {
    const world = new World()
    world.settle()
    world.remove('TokenizerBuild', 'ads-1')
    world.settle()
    expect(world.child('TokenizerBuild', 'ads-1')).toBeDefined()
    world.train()
    world.removeRun('ads-1')
    world.settle()
    expect(world.children).toEqual([])
    expect(world.status.champion?.trainingRun).toBe('ads-1')
  })

  test('a child that is deleted after its template changed ends its run, and the new template has a new one', () => {
    const world = new World()
    world.settle()
    world.spec = specOf({ trainingTemplate: templateWithSeed(2) })
    world.remove('TokenizerBuild', 'ads-1')
    world.settle()
    expect(world.states).toEqual(['ads-2 Running', 'ads-1 Replaced'])
  })

  test('a run whose child needs a person fails with its words; the next revision goes on', () => {
    const world = withChampion()
    world.revision = 'second'
    world.settle()
    world.stall('TokenizerBuild', 'ads-2')
    world.settle()
    expect(world.status.runs?.[0]).toMatchObject({ state: 'Failed', message: expect.stringContaining('line 7') })
    expect(ready(world)).toBe('ready ChampionKept')
    expect(world.last?.readiness.own).toContainEqual(
      expect.objectContaining({ type: 'LastRunSucceeded', status: 'False' }),
    )
    world.revision = 'third'
    world.train()
    expect(world.status.champion?.trainingRun).toBe('ads-3')
  })

  test('a template whose run fails is a spec that cannot be had', () => {
    const world = withChampion()
    world.spec = specOf({ trainingTemplate: templateWithSeed(2) })
    world.settle()
    expect(ready(world)).toBe('reconciling Running')
    world.stall('TrainingRun', 'ads-2')
    world.settle()
    expect(ready(world)).toBe('stalled RunFailed')
  })
})

test('history keeps its limits by outcome, and the run of the champion whatever they are', () => {
  const world = new World()
  world.spec = specOf({ successfulRunsHistoryLimit: 1, failedRunsHistoryLimit: 2 })
  world.train()
  for (const revision of ['b', 'c', 'd']) {
    world.revision = revision
    world.train({ passed: false })
  }
  for (const revision of ['e', 'f', 'g']) {
    world.revision = revision
    world.settle()
    world.stall('TrainingRun', `ads-${world.status.lastRunNumber}`)
    world.settle()
  }
  expect(world.states).toEqual(['ads-7 Failed', 'ads-6 Failed', 'ads-4 NotPromoted', 'ads-1 Promoted'])
  expect([...new Set(world.children.map(({ name }) => name))].sort()).toEqual(['ads-1', 'ads-4', 'ads-6', 'ads-7'])
})
