import { describe, expect, test } from 'vitest'
import { ready, sha, specOf, told, World, withChampion, withTwo } from './world.ts'

describe('promotion', () => {
  test('a model whose gates fail stays behind, and the champion stands', () => {
    const world = withChampion()
    world.revision = 'second'
    world.train({ passed: false })
    expect(world.states).toEqual(['ads-2 NotPromoted', 'ads-1 Promoted'])
    expect(world.status.champion?.trainingRun).toBe('ads-1')
    expect(ready(world)).toBe('ready ChampionKept')
  })

  test('without any champion a model that failed leaves the pipeline to a person', () => {
    const world = new World()
    world.train({ passed: false })
    expect(ready(world)).toBe('stalled NotPromoted')
    expect(world.last?.readiness.message).toContain('good: 0.1 < 0.5')
  })

  test.each<[string, 'IntervalBound' | 'Estimate', [string, string, string], string]>([
    ['the whole interval clears the bound', 'IntervalBound', ['0.02', '0.01', '0.03'], 'Promoted'],
    ['the interval reaches below the bound', 'IntervalBound', ['0.02', '-0.001', '0.04'], 'NotPromoted'],
    ['the estimate alone is asked for', 'Estimate', ['0.02', '-0.001', '0.04'], 'Promoted'],
    ['the estimate is below', 'Estimate', ['-0.01', '-0.02', '0.01'], 'NotPromoted'],
  ])('compared with the champion: %s', (_, judgedBy, difference, state) => {
    const world = withChampion()
    const minimumDifferences = [{ metric: 'Recall@10', value: '0', judgedBy }]
    world.spec = specOf({ promotion: { policy: 'Automatic', requirePassed: true, minimumDifferences } })
    world.revision = 'second'
    world.train({ difference })
    expect(world.states).toEqual([`ads-2 ${state}`, 'ads-1 Promoted'])
    expect(world.status.champion?.trainingRun).toBe(state === 'Promoted' ? 'ads-2' : 'ads-1')
  })

  test('an Evaluation that does not compare what is asked for lets nothing through', () => {
    const world = withChampion()
    const minimumDifferences = [{ metric: 'Recall@10', value: '0', judgedBy: 'Estimate' as const }]
    world.spec = specOf({ promotion: { policy: 'Automatic', requirePassed: true, minimumDifferences } })
    world.revision = 'second'
    world.train()
    expect(world.status.runs?.[0]?.message).toContain('does not compare Recall@10')
  })

  test('a comparison with what is not the champion any more is made anew', () => {
    const world = withTwo()
    const minimumDifferences = [{ metric: 'Recall@10', value: '0', judgedBy: 'Estimate' as const }]
    world.spec = specOf({ promotion: { policy: 'Automatic', requirePassed: true, minimumDifferences } })
    world.revision = 'third'
    world.settle()
    world.failOnline(world.status.champion?.digest ?? '')
    world.pass(1)
    world.failOnline(world.status.champion?.digest ?? '')
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
    world.finish('ads-3', { difference: ['0.1', '0.1', '0.1'] })
    world.settle()
    expect(world.states.slice(0, 2)).toEqual(['ads-4 Running', 'ads-3 Outdated'])
    world.train({ difference: ['0.1', '0.1', '0.1'] })
    expect(world.status.champion?.trainingRun).toBe('ads-4')
  })

  test('Manual: the candidate waits, its digest in Git promotes it, and an older one in Git goes back', () => {
    const world = withChampion()
    const before = world.status.champion?.digest ?? ''
    const promotion = { policy: 'Manual' as const, requirePassed: true }
    world.spec = specOf({ promotion })
    world.revision = 'second'
    world.train()
    expect(world.states).toEqual(['ads-2 AwaitingApproval', 'ads-1 Promoted'])
    expect(ready(world)).toBe('ready AwaitingApproval')
    const candidate = world.status.candidate?.digest ?? ''
    world.spec = specOf({ promotion: { ...promotion, approvedDigest: candidate } })
    world.settle()
    expect(world.status.champion).toMatchObject({ digest: candidate, trainingRun: 'ads-2' })
    expect(world.status.candidate).toBeUndefined()
    expect(world.states).toEqual(['ads-2 Promoted', 'ads-1 Promoted'])
    world.spec = specOf({ promotion: { ...promotion, approvedDigest: before } })
    world.settle()
    expect(world.status.champion).toMatchObject({ digest: before, trainingRun: 'ads-1' })
    expect(world.status.lineage?.map(({ trainingRun }) => trainingRun)).toEqual(['ads-2'])
  })

  test('a digest that was approved beforehand is promoted as soon as it is made', () => {
    const world = new World()
    world.settle()
    world.finishTraining('ads-1')
    const digest = world.child('TrainingRun', 'ads-1')?.digest ?? ''
    world.spec = specOf({ promotion: { policy: 'Manual', requirePassed: true, approvedDigest: digest } })
    world.train()
    expect(world.status.champion?.reason).toContain('approved by promotion.approvedDigest')
  })

  test('a newer candidate takes the place of one that waits', () => {
    const world = new World()
    world.spec = specOf({ promotion: { policy: 'Manual', requirePassed: true } })
    world.train()
    expect(ready(world)).toBe('held AwaitingApproval')
    world.revision = 'second'
    world.train()
    expect(world.states).toEqual(['ads-2 AwaitingApproval', 'ads-1 Superseded'])
    expect(world.status.candidate?.trainingRun).toBe('ads-2')
  })

  test.each<[string, (world: World) => string, string]>([
    ['the candidate', () => 'now', 'ads-2'],
    ['a former champion', ({ status }) => status.champion?.digest ?? '', 'ads-1'],
    ['nothing that is known', () => sha('nothing'), 'ads-1'],
  ])('adloom.dev/promote names %s', (_, value, trainingRun) => {
    const world = withChampion()
    world.spec = specOf({ promotion: { policy: 'Manual', requirePassed: true } })
    world.revision = 'second'
    world.train()
    world.annotations = { promote: value(world) }
    world.settle()
    expect(world.status.champion?.trainingRun).toBe(trainingRun)
    expect(world.settle()).toBe(1)
  })

  test('a model that did not pass is not promoted by hand, but one that is only no better is', () => {
    const world = withChampion()
    const minimumDifferences = [{ metric: 'Recall@10', value: '0', judgedBy: 'Estimate' as const }]
    world.spec = specOf({ promotion: { policy: 'Automatic', requirePassed: true, minimumDifferences } })
    world.revision = 'second'
    world.train({ passed: false })
    world.annotations = { promote: world.status.runs?.[0]?.model ?? '' }
    world.look()
    expect(told(world)).toEqual(['PromotionRefused'])
    world.revision = 'third'
    world.train({ difference: ['-0.1', '-0.2', '0'] })
    expect(world.states[0]).toBe('ads-3 NotPromoted')
    world.annotations = { promote: world.status.runs?.[0]?.model ?? '' }
    world.settle()
    expect(world.status.champion).toMatchObject({ trainingRun: 'ads-3', reason: 'asked for by adloom.dev/promote' })
  })
})
