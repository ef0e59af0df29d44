// Mechanisms learned from scratch, judged by an audit that shares nothing with their training.

import { auditLearned, type LearnedAuditOptions } from '../../workers/auction/learned/audit.ts'
import { openLearnedMechanism } from '../../workers/auction/learned/mechanism.ts'
import type { AuctionSetting } from '../../workers/auction/learned/network.ts'
import { type LearnedAuctionOptions, trainLearnedAuction } from '../../workers/auction/learned/training.ts'
import type { BenchmarkContext, Row } from '../harness/benchmark.ts'
import { estimateMean } from '../harness/statistics.ts'

export interface LearnedSetting {
  readonly name: string
  readonly training: LearnedAuctionOptions
  readonly audit: LearnedAuditOptions
  /** What revenue is set beside. */
  readonly peer: string
  readonly peerRevenue: number
}

const training = (bidders: number, items: number, runs: number): LearnedAuctionOptions => ({
  network: { bidders, items, width: 40, layers: 2 },
  batch: 128,
  stepsPerRun: 100,
  runs,
  pool: 4,
  ascent: { steps: 4, rate: 0.05 },
  schedule: { kind: 'cosine', peak: 5e-3, warmupSteps: 100, totalSteps: 100 * runs, floor: 0.05 },
  lagrangian: { multiplier: 20, multiplierEvery: 100, penalty: 50, penaltyGrowth: 50, penaltyEvery: 1000 },
  seed: 1,
  threads: 1,
})

const audit = (items: number, profiles: number): LearnedAuditOptions => ({
  profiles,
  seed: 20_001,
  grid: items === 1 ? 201 : 21,
  best: 3,
  random: 3,
  steps: 30,
  rate: 0.05,
})

/** The number of training runs of 100 steps, by setting. */
const sizes = { full: { single: 60, double: 80, profiles: 10_000 }, quick: { single: 8, double: 8, profiles: 300 } }

export const learnedSettings = (quick: boolean): LearnedSetting[] => {
  const { single, double, profiles } = quick ? sizes.quick : sizes.full
  return [
    {
      name: '1 item, 3 bidders U[0,1], learned',
      training: training(3, 1, single),
      audit: audit(1, profiles),
      peer: 'Myerson, the optimum',
      peerRevenue: 17 / 32,
    },
    {
      name: '2 items, 2 additive bidders U[0,1], learned',
      training: training(2, 2, double),
      audit: audit(2, profiles),
      peer: 'AMA_bsym, the best of the truthful ones known',
      peerRevenue: 0.8621,
    },
  ]
}

/** Of a second audit, on profiles of its own: by an order of magnitude more than the first. */
const largerSearch = { seed: 20_002, best: 10, random: 40, steps: 150 }

interface Outcome {
  /** By profile; the same profiles for every seed. */
  readonly revenue: number[]
  readonly regret: number[]
  readonly publishedRegret: number[]
  /** What item-wise Myerson takes of the same profiles. */
  readonly myerson: number[]
  readonly maxRegret: number
  readonly irViolations: number
  /** Of fewer profiles, under the search of the audit and under the larger one. */
  readonly searched: { readonly profiles: number; readonly regret: number; readonly largerRegret: number }
  readonly minutes: { readonly training: number; readonly audit: number }
}

const mean = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((sum, each) => sum + each, 0) / numbers.length

/** Second price with the reserve 1/2 for each item, by profile: the optimum for one item. */
function itemWiseMyerson(profiles: Float32Array, { bidders, items }: AuctionSetting): number[] {
  const width = bidders * items
  return Array.from({ length: profiles.length / width }, (_, profile) => {
    let revenue = 0
    for (let item = 0; item < items; item++) {
      const values = Array.from({ length: bidders }, (_, bidder) => profiles[profile * width + bidder * items + item])
      const [highest, second] = values.sort((a, b) => b - a)
      if (highest >= 0.5) revenue += Math.max(0.5, second)
    }
    return revenue
  })
}

async function trainAndAudit(setting: LearnedSetting, progress: (line: string) => void): Promise<Outcome> {
  const { network } = setting.training
  const start = performance.now()
  const parameters = await trainLearnedAuction(setting.training, ({ run, revenue, regret, lagrangian }) => {
    if (run % 10 !== 0) return
    const lambda = lagrangian.multipliers.map((each) => each.toFixed(1)).join(' ')
    progress(`${100 * run} steps: revenue ${revenue.toFixed(4)}, regret ${regret.toExponential(1)}, λ ${lambda}`)
  })
  const trained = performance.now()
  const mechanism = await openLearnedMechanism(network, parameters)
  try {
    progress(`audit of ${setting.audit.profiles} profiles`)
    const found = await auditLearned(mechanism, setting.audit)
    const few = { ...setting.audit, profiles: Math.ceil(setting.audit.profiles / 50), seed: largerSearch.seed }
    progress(`audit of ${few.profiles} profiles with a larger search`)
    const plain = await auditLearned(mechanism, few)
    const larger = await auditLearned(mechanism, { ...few, ...largerSearch })
    return {
      revenue: [...found.revenue],
      regret: [...found.regret],
      publishedRegret: [...found.publishedRegret],
      myerson: itemWiseMyerson(found.profiles, network),
      maxRegret: found.maxRegret,
      irViolations: found.irViolations,
      searched: { profiles: few.profiles, regret: mean(plain.regret), largerRegret: mean(larger.regret) },
      minutes: { training: (trained - start) / 60_000, audit: (performance.now() - trained) / 60_000 },
    }
  } finally {
    await mechanism.release()
  }
}

/** Mean over the seeds, by profile, so that the interval speaks of profiles. */
const overSeeds = (outcomes: readonly Outcome[], of: (outcome: Outcome) => readonly number[]): number[] =>
  of(outcomes[0]).map((_, profile) => mean(outcomes.map((outcome) => of(outcome)[profile])))

function rowsOf(
  { name: row, peer, peerRevenue: peerValue }: LearnedSetting,
  outcomes: Outcome[],
  seeds: number[],
): Row[] {
  const revenue = estimateMean(overSeeds(outcomes, (outcome) => outcome.revenue))
  const most = (of: (outcome: Outcome) => number) => Math.max(...outcomes.map(of))
  const total = (of: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  const average = (of: (outcome: Outcome) => number) => total(of) / outcomes.length
  const [{ searched, myerson }] = outcomes
  const regret = estimateMean(overSeeds(outcomes, (outcome) => outcome.regret))
  const published = estimateMean(overSeeds(outcomes, ({ publishedRegret }) => publishedRegret))
  const single = { unit: '', seeds }
  return [
    { row, metric: 'revenue', ...single, ...revenue, peer, peerValue, ratio: revenue.value / peerValue },
    { row, metric: 'least revenue of a seed', unit: '', value: -most((outcome) => -mean(outcome.revenue)) },
    { row, metric: 'revenue of item-wise Myerson, same profiles', unit: '', ...estimateMean(myerson) },
    { row, metric: 'regret a bidder', ...single, ...regret },
    { row, metric: 'largest regret a bidder of a seed', unit: '', value: most((outcome) => mean(outcome.regret)) },
    { row, metric: 'regret a bidder, published ten multipliers', ...single, ...published },
    { row, metric: 'greatest regret of any bidder', unit: '', value: most(({ maxRegret }) => maxRegret) },
    { row, metric: 'IR violations', unit: '', value: total(({ irViolations }) => irViolations) },
    { row, metric: 'audited profiles', unit: '', value: outcomes[0].revenue.length },
    { row, metric: `regret of ${searched.profiles} others`, ...single, value: average((each) => each.searched.regret) },
    { row, metric: 'the same, larger search', ...single, value: average((each) => each.searched.largerRegret) },
    { row, metric: 'training a seed', unit: 'min', value: average(({ minutes }) => minutes.training) },
    { row, metric: 'audits a seed', unit: 'min', value: average(({ minutes }) => minutes.audit) },
  ]
}

export async function learnedRows({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const seeds = quick ? [1] : [1, 2, 3]
  const rows: Row[] = []
  for (const setting of learnedSettings(quick)) {
    const outcomes: Outcome[] = []
    for (const seed of seeds) {
      const seeded = { ...setting, training: { ...setting.training, seed } }
      const row = `${setting.name}, seed ${seed}`
      const measure = () => trainAndAudit(seeded, (line) => progress(`${row}: ${line}`))
      outcomes.push(await measured(row, { ...seeded, largerSearch }, measure))
    }
    rows.push(...rowsOf(setting, outcomes, seeds))
  }
  return rows
}
