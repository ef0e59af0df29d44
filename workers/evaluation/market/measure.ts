// All that is measured of one mechanism, in pieces of work that can be stopped and taken up again: what is done stands in
// tables, and what follows depends on them alone.

import type { Mechanism } from '../../auction/bid-outcomes.ts'
import type { Market } from '../../data/market/market.ts'
import { type BestResponseOptions, type BestResponses, noResponses, respond, withMultipliers } from './best-response.ts'
import { type BudgetOptions, BudgetReplay } from './budgets.ts'
import { type Judge, modelJudge } from './judge.ts'
import { appendLogged, type LogScorer, loggedTable } from './logged-lists.ts'
import { appendOutcomes, outcomeTable } from './outcomes.ts'
import { appendRegrets, type RegretOptions, regretTable } from './regret.ts'
import { psiHalfWidth } from './regret-metrics.ts'
import type { MarketRequest } from './requests.ts'
import { type Sampled, type SamplingRule, sampleUntilPrecise } from './sampling-rule.ts'
import type { Table } from './table.ts'

/** What is measured so far. Tables grow in place. */
export interface MarketProgress {
  responses: BestResponses
  readonly outcomes: Table
  /** Requests in `outcomes` and `logged`: the first of the sample, or of the log's order where budgets are heeded. */
  shown: number
  readonly logged: Table
  readonly regrets: Table
  /** Requests in `regrets`. */
  audited: number
}

export const progressStart = (judges: readonly Judge[]): MarketProgress => {
  const names = judges.map(({ name }) => name)
  return {
    responses: noResponses,
    outcomes: outcomeTable(names),
    shown: 0,
    logged: loggedTable(),
    regrets: regretTable(names),
    audited: 0,
  }
}

/** Whether rows can be added to it: those of an earlier version of Adloom may have other columns. */
export const canGoOn = (progress: MarketProgress, judges: readonly Judge[]): boolean => {
  const start = progressStart(judges)
  return (['outcomes', 'logged', 'regrets'] as const).every(
    (table) => progress[table].columns.join() === start[table].columns.join(),
  )
}

export interface MeasureOptions extends RegretOptions {
  /** Absent: the bids of the requests. */
  readonly bestResponse?: BestResponseOptions | undefined
  /** Absent: nobody runs out of budget. */
  readonly budgets?: BudgetOptions | undefined
  readonly sampling: SamplingRule
  readonly utilityFloor: number
}

export interface MeasuredSubject {
  readonly mechanism: Mechanism
  /** The reward model of the mechanism; absent: logged lists are not looked at. */
  readonly logScorer?: LogScorer | undefined
  /** `modelJudge` first. */
  readonly judges: readonly Judge[]
  readonly market: Market
  readonly requests: readonly MarketRequest[]
  /** [requests], what is drawn together. */
  readonly clusters: Uint32Array
}

export interface MeasurePorts {
  /** After every piece of work; what it throws ends the measurement. */
  report(phase: 'Bidding' | 'Allocation' | 'Audit', step: number, totalSteps: number): Promise<void>
  /** After every piece of work that `progress` holds. */
  settled(progress: MarketProgress): Promise<void>
}

/** Requests that are allocated at once. */
const batchSize = 16

/** Goes on from `progress` to its end. */
export async function measureMechanism(
  subject: MeasuredSubject,
  progress: MarketProgress,
  options: MeasureOptions,
  ports: MeasurePorts,
): Promise<Sampled> {
  const requests = await respondToMechanism(subject, progress, options, ports)
  const { budgets } = options
  if (budgets === undefined) {
    await showLists({ ...subject, requests }, progress, ports)
    return auditIncentives({ ...subject, requests }, progress, options, ports)
  }
  const held = await showPacedLists({ ...subject, requests }, progress, budgets, ports)
  return auditIncentives({ ...subject, requests: held }, progress, options, ports)
}

/** Advertisers count their utility by clicks as they come, or as the model has them where nobody knows better. */
const advertisersJudge = (judges: readonly Judge[]): Judge => judges.find(({ name }) => name === 'Truth') ?? modelJudge

async function respondToMechanism(
  { mechanism, judges, requests }: MeasuredSubject,
  progress: MarketProgress,
  { bestResponse }: MeasureOptions,
  ports: MeasurePorts,
): Promise<readonly MarketRequest[]> {
  if (bestResponse === undefined) return requests
  const { rounds, grid } = bestResponse
  while (progress.responses.rounds < rounds && progress.responses.moved > 0) {
    const before = progress.responses
    progress.responses = await respond(
      mechanism,
      advertisersJudge(judges),
      requests,
      before,
      bestResponse,
      (done, of) => ports.report('Bidding', before.rounds * of + done, rounds * of),
    )
    await ports.settled(progress)
  }
  return withMultipliers(requests, progress.responses.multipliers, grid)
}

async function showLists(subject: MeasuredSubject, progress: MarketProgress, ports: MeasurePorts): Promise<void> {
  const { mechanism, judges, logScorer, market, requests } = subject
  while (progress.shown < requests.length) {
    const batch = requests.slice(progress.shown, progress.shown + batchSize)
    await appendOutcomes(progress.outcomes, mechanism, judges, batch, progress.shown)
    if (logScorer !== undefined) await appendLogged(progress.logged, logScorer, market, batch, progress.shown)
    progress.shown += batch.length
    await ports.report('Allocation', progress.shown, requests.length)
    await ports.settled(progress)
  }
}

/**
 * One request after the other, as each is charged before the next.
 * @returns the requests with those who took part, and the bids that pacing left them
 */
async function showPacedLists(
  { mechanism, judges, logScorer, market, requests }: MeasuredSubject,
  progress: MarketProgress,
  budgets: BudgetOptions,
  ports: MeasurePorts,
): Promise<readonly MarketRequest[]> {
  const replay = new BudgetReplay(requests, market, budgets)
  const held = requests.slice()
  for (const [step, place] of replay.order.entries()) {
    held[place] = replay.admit()
    if (step >= progress.shown) {
      const { ads, organic } = held[place].auction
      if (ads.length + organic.length > 0)
        await appendOutcomes(progress.outcomes, mechanism, judges, [held[place]], place)
      // What the log showed is told with all that were eligible then.
      if (logScorer !== undefined) await appendLogged(progress.logged, logScorer, market, [requests[place]], place)
      progress.shown++
      await ports.report('Allocation', progress.shown, requests.length)
      await ports.settled(progress)
    }
    replay.settle(progress.outcomes)
  }
  return held
}

function auditIncentives(
  { mechanism, judges, requests, clusters }: MeasuredSubject,
  progress: MarketProgress,
  options: MeasureOptions,
  ports: MeasurePorts,
): Promise<Sampled> {
  const { sampling, utilityFloor } = options
  const names = judges.map(({ name }) => name)
  const most = Math.min(sampling.maxRequests, requests.length)
  return sampleUntilPrecise(
    progress.audited,
    requests.length,
    sampling,
    async (place) => {
      // Where budgets left nobody, nobody can gain.
      if (requests[place].auction.ads.length > 0)
        await appendRegrets(progress.regrets, mechanism, judges, requests[place], place, options)
      progress.audited = place + 1
      await ports.report('Audit', progress.audited, most)
      await ports.settled(progress)
    },
    (audited) => psiHalfWidth(progress.regrets, clusters.subarray(0, audited), names, utilityFloor),
  )
}
