// Mechanisms learned from scratch, judged by an audit that shares nothing with their training.

import { auditLearned, type LearnedAuditOptions } from '../../workers/auction/learned/audit.ts'
import { openLearnedMechanism } from '../../workers/auction/learned/mechanism.ts'
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
  random: 5,
  steps: 40,
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

/** Profiles of the second audit, whose search is larger by an order of magnitude. */
const largerSearch = { seed: 20_002, best: 10, random: 40, steps: 150 }

interface Outcome {
  readonly revenue: number[]
  readonly regret: number[]
  readonly publishedRegret: number[]
  readonly maxRegret: number
  readonly irViolations: number
  /** Of fewer profiles, under the search of the audit and under the larger one. */
  readonly searched: { readonly profiles: number; readonly regret: number; readonly largerRegret: number }
  readonly minutes: { readonly training: number; readonly audit: number }
}

const mean = (numbers: Float64Array): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length

async function trainAndAudit(setting: LearnedSetting, progress: (line: string) => void): Promise<Outcome> {
  const start = performance.now()
  const parameters = await trainLearnedAuction(setting.training, ({ run, revenue, regret, lagrangian }) => {
    if (run % 10 !== 0) return
    const lambda = lagrangian.multipliers.map((each) => each.toFixed(1)).join(' ')
    progress(`${100 * run} steps: revenue ${revenue.toFixed(4)}, regret ${regret.toExponential(1)}, λ ${lambda}`)
  })
  const trained = performance.now()
  const mechanism = await openLearnedMechanism(setting.training.network, parameters)
  try {
    progress(`audit of ${setting.audit.profiles} profiles`)
    const found = await auditLearned(mechanism, setting.audit)
    const few = { ...setting.audit, profiles: Math.ceil(setting.audit.profiles / 50), seed: largerSearch.seed }
    progress(`audit of ${few.profiles} profiles with a larger search`)
    const [plain, larger] = [
      await auditLearned(mechanism, few),
      await auditLearned(mechanism, { ...few, ...largerSearch }),
    ]
    return {
      revenue: [...found.revenue],
      regret: [...found.regret],
      publishedRegret: [...found.publishedRegret],
      maxRegret: found.maxRegret,
      irViolations: found.irViolations,
      searched: { profiles: few.profiles, regret: mean(plain.regret), largerRegret: mean(larger.regret) },
      minutes: { training: (trained - start) / 60_000, audit: (performance.now() - trained) / 60_000 },
    }
  } finally {
    await mechanism.release()
  }
}

export async function learnedRows({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const rows: Row[] = []
  for (const setting of learnedSettings(quick)) {
    const { name: row, peer, peerRevenue: peerValue } = setting
    const settings = { ...setting, largerSearch }
    const outcome = await measured(row, settings, () => trainAndAudit(setting, (line) => progress(`${row}: ${line}`)))
    const revenue = estimateMean(outcome.revenue)
    const { searched, minutes } = outcome
    const seeds = [setting.training.seed]
    rows.push(
      { row, metric: 'revenue', unit: '', seeds, ...revenue, peer, peerValue, ratio: revenue.value / peerValue },
      { row, metric: 'regret a bidder', unit: '', seeds, ...estimateMean(outcome.regret) },
      { row, metric: 'regret, published ten multipliers', unit: '', ...estimateMean(outcome.publishedRegret) },
      { row, metric: 'greatest regret', unit: '', value: outcome.maxRegret },
      { row, metric: 'IR violations', unit: '', value: outcome.irViolations },
      { row, metric: 'audited profiles', unit: '', value: outcome.revenue.length },
      { row, metric: `regret of ${searched.profiles} others`, unit: '', value: searched.regret },
      { row, metric: 'the same, larger search', unit: '', value: searched.largerRegret },
      { row, metric: 'training', unit: 'min', value: minutes.training },
      { row, metric: 'audit', unit: 'min', value: minutes.audit },
    )
  }
  return rows
}
