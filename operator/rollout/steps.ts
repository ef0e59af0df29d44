import type { Revision, RolloutProgress, RolloutStep } from '../../crds/rollout.ts'
import { timestamp } from '../cluster/clock.ts'
import {
  type Requests,
  type RolloutInput,
  type RolloutOutcome,
  type RolloutState,
  rolloutReasons as reasons,
  type SeenTrack,
  type Transition,
  verbs,
} from './state.ts'

const maxRejected = 10

/**
 * Where a rollout goes from here: a pure function of what status remembers and what is seen now, so that an operator which
 * fell over before it could write status down comes to the same end. Nothing here makes stable serve less: it changes its
 * model only while Promoting, by a rolling update, and goes back to the one before when that is aborted.
 */
export function advance(before: RolloutState, input: RolloutInput): RolloutOutcome {
  const walk = new Walk(before, input)
  walk.run()
  return {
    state: walk.state,
    transitions: walk.transitions,
    waitMs: walk.waitMs,
    ...(walk.message === undefined ? {} : { message: walk.message }),
    ...(walk.refusal === undefined ? {} : { refusal: walk.refusal }),
  }
}

class Walk {
  state: RolloutState
  readonly transitions: Transition[] = []
  waitMs = Number.POSITIVE_INFINITY
  message: string | undefined
  refusal: RolloutOutcome['refusal']
  readonly #input: RolloutInput
  readonly #asked: Requests

  constructor(before: RolloutState, input: RolloutInput) {
    this.#input = input
    this.#asked = Object.fromEntries(
      verbs
        .filter((verb) => input.requests[verb] !== undefined && input.requests[verb] !== before.handled[verb])
        .map((verb) => [verb, input.requests[verb]]),
    )
    this.state = before
  }

  run(): void {
    this.#adoptStable()
    if (this.#take('abort') && this.state.rollout)
      this.#abort(reasons.abortRequested, 'asked for by the annotation adloom.dev/abort')
    if (this.#input.suspend) {
      this.#stopClocks()
      return
    }
    if (this.#take('retry')) this.#forgive(() => true)
    this.#forgive(({ spec, time }) => spec !== this.#input.specDigest || this.#isWantedAnew(time))
    this.#follow()
    this.#begin()
    if (this.#take('promote') && this.state.rollout?.phase === 'Stepping')
      this.#promote('asked for by the annotation adloom.dev/promote')
    const isApproved = this.#take('approve') && this.state.rollout?.paused !== undefined
    this.#walkSteps(isApproved)
    this.#finishPromotion()
  }

  /** True once for each value of an annotation; what a person asked for is then done or moot. */
  #take(verb: (typeof verbs)[number]): boolean {
    const value = this.#asked[verb]
    if (value === undefined) return false
    delete this.#asked[verb]
    this.#set({ handled: { ...this.state.handled, [verb]: value } })
    return true
  }

  /** Status may be lost, or older than rollouts: what serves is stable. */
  #adoptStable(): void {
    const { stable } = this.#input
    if (this.state.stableDigest === undefined && !this.state.rollout && stable?.isRolledOut)
      this.#set({ stableDigest: stable.model })
  }

  /** A step that a suspension interrupts begins anew with its end. */
  #stopClocks(): void {
    const { rollout } = this.state
    if (!rollout) return
    const { stepStartedAt, notReadySince, paused, analysis, ...rest } = rollout
    this.#set({ rollout: rest })
  }

  /** A pipeline promotes what has failed online only when a person asks, who knows of the failure. */
  #isWantedAnew(rejectedAt: string): boolean {
    const { wantedSince } = this.#input
    return wantedSince !== undefined && Date.parse(rejectedAt) <= Date.parse(wantedSince)
  }

  #forgive(deserves: (rejection: { spec: string; time: string }) => boolean): void {
    const { wanted } = this.#input
    const rejected = this.state.rejected.filter((one) => one.digest !== wanted || !deserves(one))
    if (rejected.length < this.state.rejected.length) this.#set({ rejected })
  }

  /** Keeps to what the spec asks for now. */
  #follow(): void {
    const { rollout, stableDigest } = this.state
    const { wanted, stepsDigest } = this.#input
    if (!rollout || wanted === undefined) return
    if (wanted === rollout.digest) {
      if (rollout.stepsDigest === stepsDigest || rollout.phase === 'Promoting') return
      this.#tell(reasons.stepsChanged, 'the steps changed; the rollout begins anew')
      this.#start(wanted)
      return
    }
    if (wanted === stableDigest) {
      this.#end('Withdrawn', 'the spec asks for the stable model again')
      this.#tell(reasons.withdrawn, 'the spec asks for the stable model again; the canary goes')
      return
    }
    this.#end('Superseded', `the spec asks for ${wanted}`)
    this.#tell(reasons.superseded, `the spec asks for ${wanted} instead of ${rollout.digest}`)
  }

  #begin(): void {
    const { rollout, stableDigest, rejected } = this.state
    const { wanted, mayBegin, refusal, steps } = this.#input
    if (rollout || wanted === undefined || wanted === stableDigest || !mayBegin) return
    if (rejected.some(({ digest }) => digest === wanted)) return
    if (refusal && steps.length > 0 && stableDigest !== undefined) {
      this.refusal = refusal
      return
    }
    this.#start(wanted)
    this.#tell(reasons.started, `${wanted} is rolled out${stableDigest ? `; stable is ${stableDigest}` : ''}`)
  }

  #start(digest: string): void {
    const { steps, stepsDigest } = this.#input
    // There is nothing to compare the first model with, and nothing that could serve beside it.
    const hasCanary = steps.length > 0 && this.state.stableDigest !== undefined
    this.#set({
      rollout: {
        digest,
        phase: hasCanary ? 'Stepping' : 'Promoting',
        step: hasCanary ? 0 : steps.length,
        steps: steps.length,
        stepsDigest,
        startedAt: this.#now,
        stepStartedAt: this.#now,
        weight: 0,
        actualWeight: 0,
      },
    })
  }

  #walkSteps(approved: boolean): void {
    let isApproved = approved
    // Each turn ends a step or ends the walk.
    for (let turn = 0; turn <= this.#input.steps.length; turn++) {
      const { rollout } = this.state
      if (rollout?.phase !== 'Stepping') return
      const step = this.#input.steps[rollout.step]
      if (!step) {
        this.#promote('all steps are done')
        return
      }
      this.#change({ stepStartedAt: rollout.stepStartedAt ?? this.#now })
      if (this.#isLate(step)) return
      if (this.#input.refusal) {
        this.refusal = this.#input.refusal
        return
      }
      const isDone = this.#isDone(step, isApproved)
      // One approval ends one pause.
      if (step.pause || step.analysis) isApproved = false
      if (!isDone) return
      this.#nextStep()
    }
  }

  #isDone(step: RolloutStep, isApproved: boolean): boolean {
    if (step.setWeight !== undefined) return this.#reachWeight(step.setWeight)
    if (step.pause) return this.#pause(step.pause.durationSeconds, isApproved)
    if (step.analysis) return this.#analyse(step.analysis, isApproved)
    return true
  }

  /** Pods first, then requests. */
  #reachWeight(weight: number): boolean {
    const { canary, planCanary, isRouted } = this.#input
    const plan = planCanary(weight)
    if ('refused' in plan) return false
    const { rollout } = this.state
    if (!rollout) return false
    const isThere = plan.replicas === 0 || this.#isReady(canary, plan.replicas)
    if (!isThere) {
      this.message = `waits for ${plan.replicas} Pods of the canary, ${canary?.available ?? 0} answer`
      return false
    }
    this.#change({ weight, actualWeight: plan.actualWeight })
    if (!isRouted(weight)) {
      this.message = `waits for the traffic to be divided: ${weight} % to the canary`
      this.#wait(2000)
      return false
    }
    this.#tell(reasons.weightSet, `the canary gets ${plan.actualWeight} % of the requests, ${weight} % are wanted`)
    return true
  }

  #pause(durationSeconds: number | undefined, isApproved: boolean): boolean {
    const kind = durationSeconds === undefined ? 'Approval' : 'Timed'
    if (isApproved) return true
    if (durationSeconds !== undefined) {
      const left = this.#since('stepStartedAt') + durationSeconds * 1000 - this.#input.now
      if (left <= 0) return true
      this.#wait(left)
    }
    this.#pauseAs(
      kind,
      durationSeconds === undefined ? 'waits for the annotation adloom.dev/approve' : `pauses for ${durationSeconds} s`,
    )
    return false
  }

  #analyse(step: NonNullable<RolloutStep['analysis']>, isApproved: boolean): boolean {
    const { rollout } = this.state
    if (!rollout) return false
    if (rollout.paused === 'Inconclusive' && isApproved) return true
    const { outcome, results, message, waitMs } = this.#input.analyse(step, rollout)
    this.#change({ analysis: results })
    if (outcome === 'Passed') {
      this.#tell(reasons.analysisPassed, message)
      return true
    }
    if (outcome === 'Failed') this.#abort(reasons.analysisFailed, message)
    if (outcome === 'Inconclusive')
      this.#pauseAs(
        'Inconclusive',
        `the analysis is inconclusive, waits for the annotation adloom.dev/approve or adloom.dev/abort: ${message}`,
      )
    if (outcome === 'Running') {
      this.message = `analysis: ${message}`
      this.#wait(waitMs)
    }
    return false
  }

  #pauseAs(kind: NonNullable<RolloutProgress['paused']>, message: string): void {
    if (this.state.rollout?.paused !== kind) this.#tell(reasons.paused, message)
    this.#change({ paused: kind })
    this.message = message
  }

  #nextStep(): void {
    const { rollout } = this.state
    if (!rollout) return
    const { paused, ...rest } = rollout
    this.#set({ rollout: { ...rest, step: rollout.step + 1, stepStartedAt: this.#now } })
  }

  /** A canary that lacks Pods for too long is no canary: it may have served at first and fallen over since. */
  #isLate(step: RolloutStep): boolean {
    const { rollout } = this.state
    if (!rollout) return false
    const { canary, progressDeadlineSeconds, now, planCanary } = this.#input
    const plan = planCanary(step.setWeight ?? rollout.weight)
    const wanted = 'refused' in plan ? 0 : plan.replicas
    if (wanted === 0 || this.#isReady(canary, wanted)) {
      if (rollout.notReadySince === undefined) return false
      const { notReadySince, ...rest } = rollout
      this.#set({ rollout: rest })
      return false
    }
    this.#change({ notReadySince: rollout.notReadySince ?? this.#now })
    const left = this.#since('notReadySince') + progressDeadlineSeconds * 1000 - now
    const givenUp = canary?.model === rollout.digest && canary.isLate
    if (left > 0 && !givenUp) {
      this.#wait(left)
      return false
    }
    const message = `${canary?.available ?? 0} of ${wanted} Pods of the canary answer after progressDeadlineSeconds ${progressDeadlineSeconds}`
    this.#abort(reasons.deadline, message)
    return true
  }

  #isReady(canary: SeenTrack | undefined, replicas: number): boolean {
    return (
      canary !== undefined &&
      canary.model === this.state.rollout?.digest &&
      canary.isRolledOut &&
      canary.available >= replicas
    )
  }

  #promote(why: string): void {
    const { rollout } = this.state
    if (!rollout) return
    const { paused, notReadySince, ...rest } = rollout
    this.#set({ rollout: { ...rest, phase: 'Promoting', step: rollout.steps, stepStartedAt: this.#now } })
    this.#tell(reasons.promoting, `stable takes the model: ${why}`)
  }

  #finishPromotion(): void {
    const { rollout, stableDigest } = this.state
    const { stable } = this.#input
    if (rollout?.phase !== 'Promoting' || stable?.model !== rollout.digest) return
    if (stable.isRolledOut) {
      this.#set({ stableDigest: rollout.digest })
      this.#end('Promoted', 'all Pods serve it')
      this.#tell(reasons.promoted, `all Pods serve ${rollout.digest}`)
    } else if (stable.isLate && stableDigest !== undefined && stableDigest !== rollout.digest) {
      this.#abort(reasons.deadline, 'stable could not take the model within progressDeadlineSeconds')
    }
  }

  /** Without a model to go back to there is nothing to abort: the only one is waited for. */
  #abort(reason: string, message: string): void {
    const { rollout, stableDigest, rejected } = this.state
    if (!rollout || stableDigest === undefined) return
    const { digest } = rollout
    const text = message.slice(0, 512)
    const rejection = { digest, reason, message: text, time: this.#now, spec: this.#input.specDigest }
    this.#end('Aborted', text)
    this.#set({ rejected: [rejection, ...rejected.filter((one) => one.digest !== digest)].slice(0, maxRejected) })
    this.#tell(reason, `rollout of ${digest} is aborted, ${stableDigest} goes on serving: ${message}`, true)
  }

  #end(outcome: Revision['outcome'], message: string): void {
    const { rollout, ...rest } = this.state
    if (!rollout) return
    const revision = { digest: rollout.digest, outcome, message, time: this.#now }
    this.state = { ...rest, revisions: [revision, ...rest.revisions].slice(0, this.#input.revisionHistoryLimit) }
  }

  get #now(): string {
    return timestamp(this.#input.now)
  }

  #since(field: 'stepStartedAt' | 'notReadySince'): number {
    return Date.parse(this.state.rollout?.[field] ?? this.#now)
  }

  #set(fields: Partial<RolloutState>): void {
    this.state = { ...this.state, ...fields }
  }

  #change(fields: Partial<RolloutProgress>): void {
    const { rollout } = this.state
    if (rollout) this.#set({ rollout: { ...rollout, ...fields } })
  }

  #wait(ms: number): void {
    this.waitMs = Math.min(this.waitMs, ms)
  }

  #tell(reason: string, message: string, isWarning = false): void {
    this.transitions.push({ reason, message, ...(isWarning ? { isWarning } : {}) })
  }
}
