import { learnedRows } from './auction/learned.ts'
import { closedFormRows, regretRows, revenueRows } from './auction/position-tables.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'

export const description =
  'Prices, revenue and audited regret of auctions with known answers, and of mechanisms learned from scratch'

export async function run(context: BenchmarkContext): Promise<Row[]> {
  const { quick, progress, measured } = context
  const sizes = { auctions: quick ? 200 : 2000, revenue: quick ? 2000 : 50_000, regret: quick ? 100 : 2000 }
  const part = (name: string, draws: number, rows: (draws: number) => Promise<Row[]>) =>
    measured(name, { draws }, () => {
      progress(name)
      return rows(draws)
    })
  return [
    ...(await part('prices beside closed forms', sizes.auctions, closedFormRows)),
    ...(await part('revenue beside theory', sizes.revenue, revenueRows)),
    ...(await part('regret beside an independent simulation', sizes.regret, regretRows)),
    ...(await learnedRows(context)),
  ]
}
