import type { Client } from './client.ts'
import { type Clock, microTimestamp, type Random, sleep } from './clock.ts'
import { AlreadyExistsError, ConflictError, ifThere, NotFoundError } from './errors.ts'
import type { Log } from './log.ts'
import type { KubernetesObject, ObjectKey } from './objects.ts'
import { LEASE } from './resources.ts'

export interface Lease extends KubernetesObject {
  spec?: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

/** Names one term of leadership: no two terms have the same pair, so work can be marked with it and refused later. */
export interface Fence {
  identity: string
  transitions: number
}

export interface LeaderElectorOptions {
  /** On a connection of its own: renewals must not queue behind the operator's other requests (kueue#15537). */
  client: Pick<Client, 'get' | 'create' | 'replace'>
  clock: Clock
  random: Random
  log: Log
  key: ObjectKey & { namespace: string }
  /** Different for every process that ever runs, also after a restart. */
  identity: string
  leaseDurationMs?: number
  renewDeadlineMs?: number
  retryPeriodMs?: number
  onElected(fence: Fence): void
  /** Called once, before anybody else can have been elected: stop writing, then leave the process. */
  onLost(): void
}

type Phase = 'idle' | 'candidate' | 'leader' | 'over'

/**
 * Leader election through a Lease, in the manner of client-go: a candidate waits until a lease has not changed for its
 * duration by the candidate's own clock, so clocks need not agree.
 *
 * A leader gives up by itself when it could not renew within the renew deadline, counted from before the request that
 * last succeeded; others wait for the whole lease duration, which is longer.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions
  readonly #leaseDurationMs: number
  readonly #renewDeadlineMs: number
  readonly #retryPeriodMs: number
  readonly #abort = new AbortController()
  #phase: Phase = 'idle'
  #running: Promise<void> | undefined
  /** The lease as last read or written, and when it was first seen like this. */
  #observed: { lease: Lease; at: number } | undefined
  #renewedAt = 0
  #cancelDeadline = () => {}

  constructor(options: LeaderElectorOptions) {
    this.#options = options
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000
    this.#retryPeriodMs = options.retryPeriodMs ?? 2000
    if (this.#leaseDurationMs <= this.#renewDeadlineMs || this.#renewDeadlineMs <= this.#retryPeriodMs) {
      throw new RangeError('a lease needs leaseDurationMs > renewDeadlineMs > retryPeriodMs')
    }
  }

  start(): void {
    if (this.#phase !== 'idle') return
    this.#phase = 'candidate'
    this.#running = this.#run()
  }

  /** Gives the lease back, so that the next leader need not wait for it to expire. */
  async stop(): Promise<void> {
    const wasLeader = this.isLeader()
    this.#phase = 'over'
    this.#cancelDeadline()
    this.#abort.abort()
    await this.#running
    if (wasLeader) await this.#release()
  }

  /** False as soon as the renew deadline has passed, also when no timer got to run since. */
  isLeader(): boolean {
    return this.#phase === 'leader' && this.#options.clock.monotonic() < this.#renewedAt + this.#renewDeadlineMs
  }

  /** The term that runs now. */
  fence(): Fence | undefined {
    return this.isLeader() ? this.#currentFence() : undefined
  }

  #currentFence(): Fence {
    return { identity: this.#options.identity, transitions: this.#observed?.lease.spec?.leaseTransitions ?? 0 }
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#options
    while (this.#phase === 'candidate' || this.#phase === 'leader') {
      try {
        await this.#withTimeLimit((signal) => this.#tryOnce(signal))
      } catch (error) {
        if (this.#abort.signal.aborted) return
        log.warn({ err: error, lease: this.#options.key.name }, 'Lease could not be read or written')
      }
      if (this.#abort.signal.aborted) return
      // A fifth of jitter (client-go: 1.2), so that candidates do not try at the same moment for ever.
      await sleep(clock, this.#retryPeriodMs * (1 + 0.2 * random()), this.#abort.signal)
    }
  }

  /** Half of the renew deadline, so that one request that hangs leaves time for another. */
  async #withTimeLimit(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const limitMs = this.#renewDeadlineMs / 2
    const timeout = new AbortController()
    const cancel = this.#options.clock.after(limitMs, () => timeout.abort(new Error(`no answer in ${limitMs} ms`)))
    try {
      await run(AbortSignal.any([this.#abort.signal, timeout.signal]))
    } finally {
      cancel()
    }
  }

  async #tryOnce(signal: AbortSignal): Promise<void> {
    // The fast way: nobody but us should have written since.
    if (this.#phase === 'leader' && this.#observed) {
      try {
        return await this.#take(this.#observed.lease, signal)
      } catch (error) {
        if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error
      }
    }
    const found = await this.#read(signal)
    if (!found) return this.#create(signal)
    this.#observe(found)
    const holder = found.spec?.holderIdentity
    if (holder === this.#options.identity || !holder || this.#isExpired()) return this.#take(found, signal)
    if (this.#phase === 'leader') this.#lose(`${holder} holds it`)
  }

  async #read(signal?: AbortSignal): Promise<Lease | undefined> {
    const { client, key } = this.#options
    return ifThere(client.get<Lease>(LEASE, key, signal))
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { client, key, clock } = this.#options
    const askedAt = clock.monotonic()
    try {
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec: this.#term(undefined) }
      this.#hold(await client.create<Lease>(LEASE, lease, { signal }), askedAt)
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error
    }
  }

  async #take(lease: Lease, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options
    const askedAt = clock.monotonic()
    try {
      this.#hold(await client.replace<Lease>(LEASE, { ...lease, spec: this.#term(lease) }, { signal }), askedAt)
    } catch (error) {
      // Another candidate was faster; a leader looks again who it was.
      if (!(error instanceof ConflictError) || this.#phase === 'leader') throw error
    }
  }

  #term(lease: Lease | undefined): NonNullable<Lease['spec']> {
    const { clock, identity } = this.#options
    const now = microTimestamp(clock.now())
    const spec = lease?.spec ?? {}
    const renewal = spec.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      acquireTime: renewal ? (spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (spec.leaseTransitions ?? 0) + (renewal || !lease ? 0 : 1),
    }
  }

  #hold(lease: Lease, askedAt: number): void {
    this.#observe(lease)
    if (this.#phase === 'over') return
    this.#renewedAt = askedAt
    this.#cancelDeadline()
    const left = askedAt + this.#renewDeadlineMs - this.#options.clock.monotonic()
    this.#cancelDeadline = this.#options.clock.after(left, () => this.#lose('it was not renewed in time'))
    if (this.#phase === 'leader' || left <= 0) return
    this.#phase = 'leader'
    this.#options.log.info({ lease: this.#options.key.name, ...this.#currentFence() }, 'Became leader')
    this.#options.onElected(this.#currentFence())
  }

  #lose(why: string): void {
    if (this.#phase !== 'leader') return
    this.#phase = 'over'
    this.#cancelDeadline()
    this.#abort.abort()
    this.#options.log.error({ lease: this.#options.key.name, why }, 'Lost leadership')
    this.#options.onLost()
  }

  #observe(lease: Lease): void {
    const same = this.#observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion
    if (!same) this.#observed = { lease, at: this.#options.clock.monotonic() }
  }

  #isExpired(): boolean {
    if (!this.#observed) return false
    const { lease, at } = this.#observed
    const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000 || this.#leaseDurationMs
    return this.#options.clock.monotonic() >= at + durationMs
  }

  async #release(): Promise<void> {
    const { client, clock, identity, log } = this.#options
    const now = microTimestamp(clock.now())
    try {
      // Read again: a renewal that stop cut off may have been carried out.
      const lease = await this.#read()
      if (lease?.spec?.holderIdentity !== identity) return
      // One second is the least that the API takes; an empty holder counts as expired anyway.
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now }
      await client.replace<Lease>(LEASE, { ...lease, spec })
    } catch (error) {
      log.warn({ err: error }, 'Lease was not released; the next leader waits until it expires')
    }
  }
}
