import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AnalysisMetric, RolloutStep } from '../../../crds/rollout.ts'
import { timestamp } from '../../../operator/cluster/clock.ts'
import { advance } from '../../../operator/rollout/steps.ts'
import { serving, World } from './world.ts'

const metric: AnalysisMetric = {
  name: 'errors',
  type: 'ErrorRate',
  quantilePercent: 95,
  intervalSeconds: 60,
  count: 5,
  failureLimit: 0,
  consecutiveErrorLimit: 4,
  max: '0.01',
}
const analysis: RolloutStep = { analysis: { metrics: [metric] } }
const weight = (setWeight: number): RolloutStep => ({ setWeight })
const pause = (durationSeconds?: number): RolloutStep => ({
  pause: durationSeconds === undefined ? {} : { durationSeconds },
})

/** A world in which A serves and B is wanted, settled. */
function rolling(...steps: RolloutStep[]): World {
  const world = serving('A', steps)
  world.wanted = 'B'
  world.settle()
  return world
}

const where = ({ state }: World) => {
  const { rollout, stableDigest } = state
  const at = rollout
    ? ` ${rollout.digest} ${rollout.phase} ${rollout.step} at ${rollout.weight} %${rollout.paused ? ` ${rollout.paused}` : ''}`
    : ''
  return `${stableDigest}${at}`
}

describe('a rollout', () => {
  test('of the first model has no canary', () => {
    const world = new World()
    world.steps = [weight(10), pause()]
    world.look()
    expect(world.state.rollout).toMatchObject({ phase: 'Promoting' })
    world.settle()
    expect(where(world)).toBe('A')
  })

  test('without steps replaces the Pods', () => {
    const world = rolling()
    expect(where(world)).toBe('B')
    expect(world.told).toEqual(['RolloutStarted', 'Promoted'])
  })

  test('goes its steps, and each once', () => {
    const world = rolling(weight(10), pause(60), weight(50), analysis)
    expect(where(world)).toBe('A B Stepping 1 at 10 % Timed')
    world.now += 59_000
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 10 % Timed')
    world.now += 1000
    world.settle()
    expect(where(world)).toBe('A B Stepping 3 at 50 %')
    world.verdict = 'Passed'
    world.settle()
    expect(where(world)).toBe('B')
    expect(world.told).toEqual([
      'RolloutStarted',
      'WeightSet',
      'Paused',
      'WeightSet',
      'AnalysisPassed',
      'Promoting',
      'Promoted',
    ])
    expect(world.state.revisions.map(({ digest, outcome }) => `${digest} ${outcome}`)).toEqual([
      'B Promoted',
      'A Promoted',
    ])
  })

  test('gives requests to Pods that answer only, and waits until they are divided', () => {
    const world = serving('A', [weight(10), pause()])
    world.wanted = 'B'
    world.look()
    world.look()
    expect(world.state.rollout).toMatchObject({ weight: 0, step: 0 })
    world.runPods()
    world.routed = -1
    const { state } = advance(world.state, world.input)
    expect(state.rollout).toMatchObject({ weight: 10, step: 0 })
  })

  test('waits at a pause without an end for its approval, and each approval ends one', () => {
    const world = rolling(weight(10), pause(), pause())
    expect(where(world)).toBe('A B Stepping 1 at 10 % Approval')
    world.requests = { approve: '1' }
    world.settle()
    expect(where(world)).toBe('A B Stepping 2 at 10 % Approval')
    world.requests = { approve: '2' }
    world.settle()
    expect(where(world)).toBe('B')
  })

  test('heeds no approval that came before its pause', () => {
    const world = serving('A', [weight(10), pause()])
    world.requests = { approve: 'old' }
    world.wanted = 'B'
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 10 % Approval')
  })

  test('is paused by an analysis that is not sure, and goes on by approval', () => {
    const world = rolling(weight(10), analysis)
    world.verdict = 'Inconclusive'
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 10 % Inconclusive')
    world.requests = { approve: '1' }
    world.settle()
    expect(where(world)).toBe('B')
  })

  test('is promoted at once when a person asks', () => {
    const world = rolling(weight(10), pause(), weight(50), pause())
    world.requests = { promote: '1' }
    world.settle()
    expect(where(world)).toBe('B')
  })
})

describe('an abort', () => {
  const aborts: Record<string, [reason: string, act: (world: World) => void]> = {
    'by a failed analysis': ['AnalysisFailed', (world) => Object.assign(world, { verdict: 'Failed' })],
    'by request': ['AbortRequested', (world) => Object.assign(world, { requests: { abort: '1' } })],
    'by Pods that fell over': [
      'ProgressDeadlineExceeded',
      (world) => {
        world.broken.add('B')
        world.settle()
        world.now += 60_000
      },
    ],
  }
  test.each(Object.entries(aborts))(
    '%s leaves stable as it was, and the model is not tried again',
    (_, [reason, act]) => {
      const world = rolling(weight(10), analysis)
      act(world)
      world.settle()
      expect(where(world)).toBe('A')
      expect(world.canary).toBeUndefined()
      expect(world.routed).toBe(0)
      expect(world.stable).toMatchObject({ model: 'A', available: 4 })
      expect(world.state.rejected).toMatchObject([{ digest: 'B', reason }])
      const { state } = world
      world.now += 1e9
      world.settle()
      expect(world.state).toEqual(state)
    },
  )

  test.each<[string, (world: World) => void]>([
    ['a person asks', (world) => Object.assign(world, { requests: { ...world.requests, retry: '1' } })],
    ['the spec changes', (world) => Object.assign(world, { spec: 's1' })],
    ['a pipeline promotes it again', (world) => Object.assign(world, { wantedSince: timestamp(world.now) })],
  ])('is forgotten when %s', (_, act) => {
    const world = rolling(weight(10), analysis)
    world.requests = { abort: '1' }
    world.settle()
    act(world)
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 10 %')
    expect(world.state.rejected).toEqual([])
  })

  test('stays in mind where the pipeline has promoted it before it failed', () => {
    const world = rolling(weight(10), analysis)
    world.wantedSince = timestamp(world.now - 60_000)
    world.requests = { abort: '1' }
    world.settle()
    expect(where(world)).toBe('A')
    expect(world.state.rejected).toMatchObject([{ digest: 'B' }])
  })

  test('in the middle of promotion brings stable back', () => {
    const world = serving('A', [weight(10)])
    world.wanted = 'B'
    for (world.look(); world.state.rollout?.phase !== 'Promoting'; world.look()) world.runPods()
    expect(world.stable).toMatchObject({ model: 'B', isRolledOut: false })
    world.requests = { abort: '1' }
    world.settle()
    expect(where(world)).toBe('A')
    expect(world.stable).toMatchObject({ model: 'A', isRolledOut: true })
  })

  test('is heeded while suspended', () => {
    const world = rolling(weight(10), pause())
    world.suspend = true
    world.requests = { abort: '1' }
    world.settle()
    expect(where(world)).toBe('A')
    expect(world.canary).toBeUndefined()
  })

  test('of stable that cannot take the model brings it back', () => {
    const world = serving('A')
    world.wanted = 'B'
    world.broken.add('B')
    world.settle()
    expect(where(world)).toBe('A B Promoting 0 at 0 %')
    if (world.stable) world.stable.isLate = true
    world.settle()
    expect(where(world)).toBe('A')
    expect(world.stable?.model).toBe('A')
    expect(world.state.rejected).toMatchObject([{ digest: 'B', reason: 'ProgressDeadlineExceeded' }])
  })
})

describe('in the middle of a rollout', () => {
  test('another model begins anew', () => {
    const world = rolling(weight(10), pause())
    world.wanted = 'C'
    world.settle()
    expect(where(world)).toBe('A C Stepping 1 at 10 % Approval')
    expect(world.state.revisions[0]).toMatchObject({ digest: 'B', outcome: 'Superseded' })
    expect(world.state.rejected).toEqual([])
  })

  test('the stable model again ends it', () => {
    const world = rolling(weight(10), pause())
    world.wanted = 'A'
    world.settle()
    expect(where(world)).toBe('A')
    expect(world.state.revisions[0]).toMatchObject({ digest: 'B', outcome: 'Withdrawn' })
  })

  test('a model that is not known any more does not matter', () => {
    const world = rolling(weight(10), pause(60))
    world.wanted = undefined
    world.now += 60_000
    world.settle()
    expect(where(world)).toBe('B')
  })

  test('other steps begin anew', () => {
    const world = rolling(weight(50), pause())
    world.steps = [weight(5), pause()]
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 5 % Approval')
    expect(world.told).toContain('StepsChanged')
  })

  test('a suspension holds everything, and the clock of its step begins anew', () => {
    const world = rolling(weight(10), pause(60))
    world.now += 50_000
    world.suspend = true
    world.settle()
    world.now += 3_600_000
    world.settle()
    expect(world.state.rollout).toMatchObject({ step: 1, weight: 10 })
    world.suspend = false
    world.settle()
    world.now += 59_000
    world.settle()
    expect(where(world)).toBe('A B Stepping 1 at 10 % Timed')
    world.now += 1000
    world.settle()
    expect(where(world)).toBe('B')
  })
})

/** What may happen at any moment. */
const happenings: Record<string, (world: World) => void> = {
  'Pods run': (world) => world.runPods(),
  'a minute passes': (world) => Object.assign(world, { now: world.now + 60_000 }),
  'a second passes': (world) => Object.assign(world, { now: world.now + 1000 }),
  'A is wanted': (world) => Object.assign(world, { wanted: 'A' }),
  'B is wanted': (world) => Object.assign(world, { wanted: 'B' }),
  'C is wanted': (world) => Object.assign(world, { wanted: 'C' }),
  'nothing is known to be wanted': (world) => Object.assign(world, { wanted: undefined }),
  'it may not begin': (world) => Object.assign(world, { mayBegin: false }),
  'it may begin': (world) => Object.assign(world, { mayBegin: true }),
  'it is suspended': (world) => Object.assign(world, { suspend: true }),
  'it is resumed': (world) => Object.assign(world, { suspend: false }),
  'the analysis passes': (world) => Object.assign(world, { verdict: 'Passed' }),
  'the analysis fails': (world) => Object.assign(world, { verdict: 'Failed' }),
  'the analysis is unsure': (world) => Object.assign(world, { verdict: 'Inconclusive' }),
  'the analysis goes on': (world) => Object.assign(world, { verdict: 'Running' }),
  'Pods of B fall over': (world) => world.broken.add('B'),
  'Pods of B are mended': (world) => world.broken.delete('B'),
  'the steps change': (world) => Object.assign(world, { steps: [weight(30), pause(60), analysis] }),
  'the steps go': (world) => Object.assign(world, { steps: [] }),
  'the spec changes': (world) => Object.assign(world, { spec: `${world.spec}+` }),
  'stable is late': (world) =>
    world.stable && !world.stable.isRolledOut && Object.assign(world.stable, { isLate: true }),
  ...Object.fromEntries(
    (['abort', 'promote', 'approve', 'retry'] as const).map((verb) => [
      `${verb} is asked for`,
      (world: World) => {
        world.requests = { ...world.requests, [verb]: `${world.requests[verb] ?? ''}+` }
      },
    ]),
  ),
}
const words = Object.keys(happenings)

/** What no look may do, whatever happened. */
function look(world: World): void {
  const before = world.state
  const { input } = world
  const asked = input.requests
  const isReady = world.canary?.isRolledOut === true
  const outcome = world.look()
  const { state } = outcome
  const { rollout } = state
  // An operator that fell over before it wrote comes to the same.
  expect(advance(before, input)).toEqual(outcome)
  // What a look decided is decided.
  const again = advance(state, { ...input, requests: asked })
  expect(again.state.stableDigest).toBe(state.stableDigest)
  expect(again.state.rejected).toEqual(state.rejected)
  // A model that failed is not tried again unless it was forgiven.
  expect(state.rejected.map(({ digest }) => digest)).not.toContain(rollout?.digest)
  const forgiven = before.rejected.filter(({ digest }) => !state.rejected.some((one) => one.digest === digest))
  for (const { digest, spec } of forgiven) {
    const isAsked = asked.retry !== undefined && asked.retry !== before.handled.retry
    expect(digest === input.wanted && (isAsked || spec !== input.specDigest)).toBe(true)
  }
  // Stable changes its model by a finished promotion only.
  if (before.stableDigest !== undefined && state.stableDigest !== before.stableDigest) {
    expect(before.rollout?.digest).toBe(state.stableDigest)
    expect(input.stable).toMatchObject({ model: state.stableDigest, isRolledOut: true })
  }
  // More requests go to Pods that answer only.
  if ((rollout?.weight ?? 0) > (before.rollout?.weight ?? 0)) expect(isReady).toBe(true)
  if (input.suspend && rollout)
    expect(rollout).toMatchObject({ step: before.rollout?.step, weight: before.rollout?.weight })
  expect(state.revisions.length).toBeLessThanOrEqual(3)
}

const anySteps = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 80 }).map(weight), fc.constantFrom(pause(), pause(30), pause(90), analysis)),
  { maxLength: 5 },
)

test('whatever happens in whatever order, stable serves what was promoted, and in the end the wanted model does', () => {
  fc.assert(
    fc.property(
      anySteps,
      fc.constantFrom('Proxy' as const, 'Replicas' as const),
      fc.array(fc.constantFrom(...words), { maxLength: 60 }),
      (steps, route, happened) => {
        const world = serving('A', steps)
        world.route = route
        for (const word of happened) {
          happenings[word]?.(world)
          look(world)
        }
        // In fair weather, and with everything that a person may be asked for:
        world.broken.clear()
        Object.assign(world, { suspend: false, wanted: 'C', mayBegin: true, verdict: 'Passed' })
        world.requests = { ...world.requests, retry: 'last' }
        for (let turn = 0; turn < 25; turn++) {
          world.now += 90_000
          if (world.stable) world.stable.isLate = false
          world.requests = { ...world.requests, approve: `${turn}` }
          world.runPods()
          look(world)
        }
        expect(where(world)).toBe('C')
        expect(world.canary).toBeUndefined()
        expect(world.stable).toMatchObject({ model: 'C', isRolledOut: true })
        const { state } = world
        world.now += 1e9
        world.settle()
        expect(world.state).toEqual(state)
      },
    ),
    { numRuns: 300 },
  )
})
