import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../cluster/clock.ts'
import type { Log } from '../cluster/log.ts'
import { readAuctionSettings, type SeenAuctionSettings } from './auction-settings.ts'
import { add, countsOf, increase, readCounters, subtract } from './counts.ts'
import { readProvider, type SeenProvider } from './execution-provider.ts'
import type { TrackEvidence } from './measure.ts'
import { answerOf, queryUrl } from './prometheus-query.ts'
import type { Series } from './prometheus-text.ts'

export type Track = 'stable' | 'canary'

/** A Pod that can be asked for its metrics. */
export interface Target {
  uid: string
  track: Track
  url: string
}

/** Reads a URL as text. @throws when it does not answer 200 */
export type ReadText = (url: string, signal: AbortSignal) => Promise<string>

export interface ScraperOptions {
  read: ReadText
  clock: Clock
  log: Log
  /** Has the reconciler look again. */
  wake(key: string): void
}

/** What happened since a moment, until the last scrape. */
export interface Window {
  /** Milliseconds since 1970. */
  startedAt: number
  /** Of the scrape that the counts begin with. */
  countedFrom: number
  observedAt: number
  stable: TrackEvidence
  canary: TrackEvidence
  /** Why a track is not fully counted. */
  problem?: string
}

export type Answer = { value: number } | { error: string }

const timeoutMs = 3000
/** More windows than analyses can be on at once: a step, and what stable does online. */
const maxWindows = 4
/** A Pod that did not answer for this long leaves a hole in what is counted. */
const staleMs = 15_000
const maxMarks = 60

interface Opened {
  id: string
  startedAt: number
  countedFrom: number
  /** Totals at the start. */
  base: Record<Track, Series>
  /** Totals at each scrape since. */
  marks: Record<Track, { requests: number; eventValue: number }[]>
}

interface Followed {
  targets: () => readonly Target[]
  periodMs: number
  isReading: boolean
  totals: Record<Track, Map<string, number>>
  pods: Map<
    string,
    { counters: Series; seenAt: number; provider: SeenProvider | undefined; auction: SeenAuctionSettings }
  >
  problems: Map<string, string>
  hasBegun: boolean
  scrapedAt: number
  windows: Opened[]
  answers: Map<string, Answer | 'asked'>
  cancel: () => void
  abort: AbortController
}

/**
 * Reads the metrics of serving Pods every few seconds, apart from all reconciles, and keeps in memory by how much the
 * counters of each track grew, whatever Pods come, go and begin anew. After a restart of the operator windows begin anew.
 */
export class Scraper {
  readonly #options: ScraperOptions
  readonly #followed = new Map<string, Followed>()

  constructor(options: ScraperOptions) {
    this.#options = options
  }

  /** Reads the targets this often from now on. */
  follow(key: string, periodMs: number, targets: () => readonly Target[]): void {
    const present = this.#followed.get(key)
    if (present) {
      const isSooner = periodMs < present.periodMs
      present.periodMs = periodMs
      if (isSooner && !present.isReading) this.#later(key, present, 0)
      return
    }
    const followed: Followed = {
      targets,
      periodMs,
      isReading: false,
      totals: { stable: new Map(), canary: new Map() },
      pods: new Map(),
      problems: new Map(),
      hasBegun: false,
      scrapedAt: Number.NEGATIVE_INFINITY,
      windows: [],
      answers: new Map(),
      cancel: () => undefined,
      abort: new AbortController(),
    }
    this.#followed.set(key, followed)
    this.#later(key, followed, 0)
  }

  forget(key: string): void {
    const followed = this.#followed.get(key)
    this.#followed.delete(key)
    followed?.cancel()
    followed?.abort.abort()
  }

  stop(): void {
    for (const key of [...this.#followed.keys()]) this.forget(key)
  }

  /** Where the Pods decode that told it at the last scrape. */
  providers(key: string): SeenProvider[] {
    return [...(this.#followed.get(key)?.pods.values() ?? [])].flatMap(({ provider }) => provider ?? [])
  }

  /** By which settings of an auction the Pod answered at the last scrape; undefined where it was not read yet. */
  auctionSettings(key: string, uid: string): SeenAuctionSettings | undefined {
    return this.#followed.get(key)?.pods.get(uid)?.auction
  }

  /** What happened since this id was asked for first; undefined as long as nothing was read since. */
  window(key: string, id: string): Window | undefined {
    const followed = this.#followed.get(key)
    if (!followed?.hasBegun) return undefined
    const opened = followed.windows.find((window) => window.id === id) ?? this.#open(followed, id)
    const problem = [...followed.problems.values()][0]
    return {
      startedAt: opened.startedAt,
      countedFrom: opened.countedFrom,
      observedAt: followed.scrapedAt,
      stable: evidenceOf(opened, followed, 'stable'),
      canary: evidenceOf(opened, followed, 'canary'),
      ...(problem === undefined ? {} : { problem }),
    }
  }

  /** Begins the window anew. */
  closeWindow(key: string, id: string): void {
    const followed = this.#followed.get(key)
    if (followed) followed.windows = followed.windows.filter((window) => window.id !== id)
  }

  /** The answer to a query that is named by `id`; asks for it the first time, and wakes the reconciler when it is there. */
  ask(key: string, id: string, { url, query }: { url: string; query: string }): Answer | undefined {
    const followed = this.#followed.get(key)
    const known = followed?.answers.get(id)
    if (!followed || known === 'asked') return undefined
    if (known) return known
    // One answer a measurement: older ones are of no use.
    if (followed.answers.size > 64) followed.answers.clear()
    followed.answers.set(id, 'asked')
    void this.#read(followed, queryUrl(url, query))
      .then(answerOf, (error: unknown) => ({ error: `Prometheus did not answer: ${wordsOf(error)}` }))
      .then((answer) => {
        followed.answers.set(id, answer)
        if (this.#followed.get(key) === followed) this.#options.wake(key)
      })
    return undefined
  }

  #open(followed: Followed, id: string): Opened {
    const base = { stable: new Map(followed.totals.stable), canary: new Map(followed.totals.canary) }
    const startedAt = this.#options.clock.now()
    const opened = { id, startedAt, countedFrom: followed.scrapedAt, base, marks: { stable: [], canary: [] } }
    followed.windows = [...followed.windows.slice(1 - maxWindows), opened]
    return opened
  }

  #later(key: string, followed: Followed, ms: number): void {
    followed.cancel()
    followed.cancel = this.#options.clock.after(ms, () => {
      followed.isReading = true
      void this.#scrape(key, followed).then(() => {
        followed.isReading = false
        if (this.#followed.get(key) === followed) this.#later(key, followed, followed.periodMs)
      })
    })
  }

  async #scrape(key: string, followed: Followed): Promise<void> {
    const { clock, log } = this.#options
    const targets = followed.targets()
    const changed = await Promise.all(targets.map((target) => this.#scrapePod(followed, target)))
    const present = new Set(targets.map(({ uid }) => uid))
    for (const uid of [...followed.pods.keys(), ...followed.problems.keys()]) {
      if (present.has(uid)) continue
      followed.pods.delete(uid)
      followed.problems.delete(uid)
    }
    const [problem] = followed.problems.values()
    if (problem !== undefined) log.debug({ problem }, 'Metrics of a Pod were not read')
    followed.hasBegun = true
    followed.scrapedAt = clock.now()
    for (const window of followed.windows) {
      for (const track of ['stable', 'canary'] as const) {
        const marks = [...window.marks[track], markOf(window, followed, track)]
        // Marks are totals: leaving every second one out joins parts.
        window.marks[track] = marks.length > maxMarks ? marks.filter((_, place) => place % 2 === 1) : marks
      }
    }
    if (changed.includes(true) && this.#followed.get(key) === followed) this.#options.wake(key)
  }

  /** @returns whether the Pod answers by other settings than it did, or did not tell before */
  async #scrapePod(followed: Followed, { uid, track, url }: Target): Promise<boolean> {
    const { clock } = this.#options
    try {
      const text = await this.#read(followed, url)
      const counters = readCounters(text)
      const before = followed.pods.get(uid)
      // What a Pod counted before we looked for the first time is none of ours; one that came since began at zero.
      if (before || followed.hasBegun) add(followed.totals[track], increase(before?.counters ?? new Map(), counters))
      const auction = readAuctionSettings(text)
      followed.pods.set(uid, { counters, seenAt: clock.now(), provider: readProvider(text), auction })
      followed.problems.delete(uid)
      return !isDeepStrictEqual(auction, before?.auction ?? {})
    } catch (error) {
      const seenAt = followed.pods.get(uid)?.seenAt
      if (seenAt === undefined || clock.now() - seenAt >= staleMs)
        followed.problems.set(uid, `metrics of a Pod of ${track} cannot be read: ${wordsOf(error)}`)
      return false
    }
  }

  /** A Pod that does not answer must not keep the others waiting for long. */
  async #read(followed: Followed, url: string): Promise<string> {
    const timeout = new AbortController()
    const cancel = this.#options.clock.after(timeoutMs, () => timeout.abort(new Error(`no answer in ${timeoutMs} ms`)))
    try {
      return await this.#options.read(url, AbortSignal.any([timeout.signal, followed.abort.signal]))
    } finally {
      cancel()
    }
  }
}

function evidenceOf(window: Opened, followed: Followed, track: Track): TrackEvidence {
  const counts = countsOf(subtract(followed.totals[track], window.base[track]))
  const marks = window.marks[track]
  const parts = marks.map((mark, place) => ({
    requests: mark.requests - (marks[place - 1]?.requests ?? 0),
    eventValue: mark.eventValue - (marks[place - 1]?.eventValue ?? 0),
  }))
  return { counts, parts }
}

function markOf(window: Opened, followed: Followed, track: Track): { requests: number; eventValue: number } {
  const { requests, eventValue } = countsOf(subtract(followed.totals[track], window.base[track]))
  return { requests, eventValue }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 200)
