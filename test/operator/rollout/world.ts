import type { RolloutStep } from '../../../crds/rollout.ts'
import type { AnalysisState } from '../../../operator/rollout/analysis.ts'
import type { RolloutInput, RolloutOutcome, RolloutState, SeenTrack } from '../../../operator/rollout/state.ts'
import { advance } from '../../../operator/rollout/steps.ts'
import { planCanary, type TrafficRoute } from '../../../operator/rollout/traffic.ts'

/** A ranker, its Deployments and the person who looks after it, moved by hand. */
export class World {
  state: RolloutState = { rejected: [], revisions: [], handled: {} }
  now = Date.parse('2026-01-01T00:00:00Z')
  wanted: string | undefined = 'A'
  wantedSince: string | undefined
  suspend = false
  mayBegin = true
  spec = 's0'
  steps: readonly RolloutStep[] = []
  requests: RolloutInput['requests'] = {}
  route: TrafficRoute = 'Proxy'
  replicas = 4
  verdict: AnalysisState['outcome'] = 'Running'
  /** Pods of these models never answer. */
  readonly broken = new Set<string>()
  stable: SeenTrack | undefined
  canary: SeenTrack | undefined
  /** What requests are divided by. */
  routed = 0
  readonly told: string[] = []

  get input(): RolloutInput {
    const { routed, verdict } = this
    const weights = { route: this.route, replicas: this.replicas, tolerancePercent: 100 }
    return {
      now: this.now,
      suspend: this.suspend,
      mayBegin: this.mayBegin,
      ...(this.wanted === undefined ? {} : { wanted: this.wanted }),
      ...(this.wantedSince === undefined ? {} : { wantedSince: this.wantedSince }),
      specDigest: this.spec,
      steps: this.steps,
      stepsDigest: JSON.stringify(this.steps),
      progressDeadlineSeconds: 60,
      revisionHistoryLimit: 3,
      requests: this.requests,
      ...(this.stable ? { stable: { ...this.stable } } : {}),
      ...(this.canary ? { canary: { ...this.canary } } : {}),
      planCanary: (weight) => planCanary(weight, weights),
      isRouted: (weight) => routed === weight,
      analyse: () => ({ outcome: verdict, results: [], message: verdict, waitMs: 1000 }),
    }
  }

  /** One look of the operator, which makes the Deployments what they are to be. */
  look(): RolloutOutcome {
    const outcome = advance(this.state, this.input)
    this.state = outcome.state
    this.told.push(...outcome.transitions.map(({ reason }) => reason))
    if (!this.suspend || !this.state.rollout) this.#act()
    return outcome
  }

  /** Pods of everything that is not broken answer, and late ones are given up. */
  runPods(): void {
    for (const track of [this.stable, this.canary]) {
      if (!track) continue
      const isBroken = this.broken.has(track.model)
      track.available = isBroken ? 0 : track.wanted
      track.isRolledOut = !isBroken
    }
  }

  settle(): void {
    for (let turn = 0; turn < 30; turn++) {
      this.look()
      this.runPods()
    }
  }

  #act(): void {
    const { rollout, stableDigest } = this.state
    const model = rollout?.phase === 'Promoting' ? rollout.digest : stableDigest
    this.routed = rollout?.weight ?? 0
    if (model !== undefined && this.stable?.model !== model)
      this.stable = {
        model,
        wanted: this.replicas,
        available: this.stable?.available ?? 0,
        isRolledOut: false,
        isLate: false,
      }
    if (!rollout) this.canary = undefined
    else if (rollout.phase === 'Stepping') {
      const target = this.steps[rollout.step]?.setWeight ?? rollout.weight
      const counts = [target, rollout.weight].map((weight) =>
        planCanary(weight, { route: this.route, replicas: this.replicas, tolerancePercent: 100 }),
      )
      const wanted = Math.max(...counts.map((plan) => ('refused' in plan ? 0 : plan.replicas)))
      const isSame = this.canary?.model === rollout.digest && this.canary.wanted === wanted
      if (!isSame) this.canary = { model: rollout.digest, wanted, available: 0, isRolledOut: false, isLate: false }
    }
  }
}

/** A world in which `model` serves. */
export function serving(model: string, steps: readonly RolloutStep[] = []): World {
  const world = new World()
  world.wanted = model
  world.settle()
  world.steps = steps
  world.told.length = 0
  return world
}
