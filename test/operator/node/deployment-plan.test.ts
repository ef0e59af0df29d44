import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type PlannedPod,
  planDeployment,
  type RolloutRules,
  resolveLimits,
} from '../../../operator/node/deployment-plan.ts'

let serial = 0
function pod(templateHash: string, state: Partial<PlannedPod> = {}): PlannedPod {
  const name = `pod-${++serial}`
  return { name, uid: name, templateHash, ready: true, available: true, deleting: false, createdAt: serial, ...state }
}
const unready = { ready: false, available: false }
const rules = (replicas: number, more: Partial<RolloutRules> = {}): RolloutRules => ({
  replicas,
  maxSurge: 1,
  maxUnavailable: 0,
  recreate: false,
  paused: false,
  ...more,
})

describe('planDeployment', () => {
  it('replaces one by one when one may be more and none missing', () => {
    const old = [pod('a'), pod('a')]
    expect(planDeployment(old, 'b', rules(2))).toEqual({ create: 1, remove: [] })
    const fresh = pod('b', unready)
    expect(planDeployment([...old, fresh], 'b', rules(2))).toEqual({ create: 0, remove: [] })
    expect(planDeployment([...old, { ...fresh, ready: true, available: true }], 'b', rules(2))).toEqual({
      create: 0,
      remove: [old[1]],
    })
  })

  it('scales down what is not ready first, then the youngest', () => {
    const [a, b, c] = [pod('a'), pod('a', unready), pod('a')]
    expect(planDeployment([a, b, c], 'a', rules(1)).remove).toEqual([b, c])
  })

  it('keeps old Pods that are unready for a moment while the new template does not get ready', () => {
    const pods = [pod('a', unready), pod('a'), pod('a'), pod('b', unready)]
    expect(planDeployment(pods, 'b', rules(3))).toEqual({ create: 0, remove: [] })
  })

  it('recreates only when the last old Pod is gone', () => {
    const old = [pod('a'), pod('a')]
    expect(planDeployment(old, 'b', rules(2, { recreate: true }))).toEqual({ create: 0, remove: old })
    const leaving = old.map((one) => ({ ...one, deleting: true }))
    expect(planDeployment(leaving, 'b', rules(2, { recreate: true }))).toEqual({ create: 0, remove: [] })
    expect(planDeployment([], 'b', rules(2, { recreate: true })).create).toBe(2)
  })

  it('scales a paused Deployment down and rolls nothing', () => {
    const old = [pod('a'), pod('a'), pod('a')]
    expect(planDeployment(old, 'b', rules(3, { paused: true }))).toEqual({ create: 0, remove: [] })
    expect(planDeployment(old, 'b', rules(2, { paused: true })).remove).toEqual([old[2]])
    expect(planDeployment([], 'b', rules(2, { paused: true })).create).toBe(2)
  })

  it('keeps availability and the ceiling under any order of events, and arrives', () => {
    const event = fc.record({
      kind: fc.constantFrom('ready', 'unready', 'gone', 'crash', 'template', 'scale'),
      pick: fc.nat(1000),
      replicas: fc.integer({ min: 0, max: 6 }),
    })
    const property = fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(event, { maxLength: 60 }),
      (replicas, maxSurge, unavailable, events) => {
        const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : unavailable
        const world = new World(rules(replicas, { maxSurge, maxUnavailable }))
        world.step()
        for (const { kind, pick, replicas: scale } of events) {
          world.happen(kind, pick, scale)
          world.step()
        }
        world.settle()
        const { pods, hash } = world
        expect(pods.map((one) => [one.templateHash, one.available])).toEqual(
          Array.from({ length: world.rules.replicas }, () => [hash, true]),
        )
        expect(planDeployment(pods, hash, world.rules)).toEqual({ create: 0, remove: [] })
      },
    )
    fc.assert(property, { numRuns: 500 })
  })
})

/** Pods that come, get ready, fall ill and go, with the plan carried out at each step and its promises checked. */
class World {
  pods: PlannedPod[] = []
  hash = 'v0'
  rules: RolloutRules
  #templates = 0

  constructor(initial: RolloutRules) {
    this.rules = initial
  }

  step(): void {
    const { rules } = this
    const available = (pods: PlannedPod[]) => pods.filter((one) => one.available && !one.deleting).length
    const before = available(this.pods)
    const live = this.pods.filter((one) => !one.deleting).length
    const plan = planDeployment(this.pods, this.hash, rules)
    const removed = new Set(plan.remove)
    expect(removed.size).toBe(plan.remove.length)
    this.pods = this.pods.map((one) => (removed.has(one) ? { ...one, deleting: true } : one))
    for (let i = 0; i < plan.create; i++) this.pods.push(pod(this.hash, unready))
    if (plan.create > 0) expect(live + plan.create).toBeLessThanOrEqual(rules.replicas + rules.maxSurge)
    const floor = Math.min(before, rules.replicas - rules.maxUnavailable)
    expect(available(this.pods)).toBeGreaterThanOrEqual(floor)
  }

  happen(kind: string, pick: number, replicas: number): void {
    if (kind === 'template') this.hash = `v${++this.#templates}`
    if (kind === 'scale') {
      this.rules = { ...this.rules, replicas, maxUnavailable: Math.min(this.rules.maxUnavailable, replicas) }
      if (this.rules.maxSurge + this.rules.maxUnavailable === 0) this.rules = { ...this.rules, maxSurge: 1 }
    }
    const chosen = this.pods[pick % Math.max(1, this.pods.length)]
    if (!chosen) return
    const change = (to: Partial<PlannedPod>) => {
      this.pods = this.pods.map((one) => (one === chosen ? { ...one, ...to } : one))
    }
    if (kind === 'ready') change({ ready: true, available: true })
    if (kind === 'unready') change(unready)
    if (kind === 'gone' && chosen.deleting) this.pods = this.pods.filter((one) => one !== chosen)
    if (kind === 'crash') this.pods = this.pods.filter((one) => one !== chosen)
  }

  /** From here on all Pods get ready and all that leave are gone. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.pods = this.pods.filter((one) => !one.deleting).map((one) => ({ ...one, ready: true, available: true }))
      this.step()
    }
    this.pods = this.pods.filter((one) => !one.deleting)
  }
}

describe('resolveLimits', () => {
  it.each([
    [4, undefined, undefined, 1, 1],
    [3, undefined, undefined, 1, 0],
    [1, '25%', '25%', 1, 0],
    [10, '30%', '30%', 3, 3],
    [10, 0, 0, 0, 1],
    [10, 0, '5%', 0, 1],
    [2, 5, 5, 5, 2],
  ])('%i replicas, %s and %s: %i more, %i missing', (replicas, surge, unavailable, maxSurge, maxUnavailable) => {
    expect(resolveLimits(replicas, surge, unavailable)).toEqual({ maxSurge, maxUnavailable })
  })

  it('refuses what is neither number nor percentage', () => {
    expect(() => resolveLimits(1, 'half')).toThrow(/"half" is neither/)
  })
})
