// What an evaluation of a marketplace publishes: every row that its numbers are made of, so that any two evaluations of
// the same requests can be compared in pairs later.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JudgeName } from './judge.ts'
import type { MarketProgress } from './measure.ts'
import type { MeasuredMarket } from './report.ts'
import type { Sampled } from './sampling-rule.ts'
import { type Table, tableBytes, tableFromBytes } from './table.ts'

const tables = ['outcomes', 'logged', 'regrets'] as const
type TableName = (typeof tables)[number]

/** A mechanism by its name: `model` or `champion`. */
interface SystemRecord {
  readonly name: string
  readonly paymentRule: string
  /** Null: the measurement is not at its end. */
  readonly sampled: (Omit<Sampled, 'halfWidth'> & { readonly halfWidth: number | null }) | null
  readonly shown: number
  readonly audited: number
  readonly bidding: {
    readonly multipliers: readonly (readonly [number, number])[]
    readonly rounds: number
    readonly moved: number | null
  }
  readonly columns: Readonly<Record<TableName, readonly string[]>>
}

/** What `market.json` says; the tables lie beside it in `market.SYSTEM.TABLE.f64`, row-major. */
interface MarketRecord {
  readonly schemaVersion: 1
  readonly judges: readonly JudgeName[]
  /** Indices in `Market.requests`; `request` of a row counts through these. */
  readonly requests: readonly number[]
  /** What is drawn together by the bootstrap, by request. */
  readonly clusters: readonly number[]
  readonly systems: readonly SystemRecord[]
}

/** A measurement on the way or at its end. */
export type StoredMarket = Omit<MeasuredMarket, 'sampled'> & { readonly sampled: Sampled | undefined }

export interface StoredMarkets {
  readonly judges: readonly JudgeName[]
  readonly requests: readonly number[]
  readonly clusters: Uint32Array
  readonly systems: ReadonlyMap<string, StoredMarket>
}

const tableFile = (system: string, table: TableName): string => `market.${system}.${table}.f64`

export async function writeMarkets(
  directory: string,
  { judges, requests, clusters, systems }: StoredMarkets,
): Promise<void> {
  const record: MarketRecord = {
    schemaVersion: 1,
    judges,
    requests,
    clusters: [...clusters],
    systems: Array.from(systems, ([name, system]) => recordOf(name, system)),
  }
  await writeFile(join(directory, 'market.json'), `${JSON.stringify(record)}\n`)
  for (const [name, { progress }] of systems)
    for (const table of tables) await writeFile(join(directory, tableFile(name, table)), tableBytes(progress[table]))
}

function recordOf(name: string, { progress, sampled, paymentRule }: StoredMarket): SystemRecord {
  const { responses, shown, audited } = progress
  const { multipliers, rounds, moved } = responses
  return {
    name,
    paymentRule,
    sampled: sampled === undefined ? null : { ...sampled, halfWidth: finite(sampled.halfWidth) },
    shown,
    audited,
    bidding: { multipliers: [...multipliers], rounds, moved: finite(moved) },
    columns: {
      outcomes: progress.outcomes.columns,
      logged: progress.logged.columns,
      regrets: progress.regrets.columns,
    },
  }
}

/** JSON has no number for what is none. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

/** An artifact or a checkpoint with the files of `writeMarkets`. */
export interface MarketFiles {
  path(file: string): string
}

export async function readMarkets(files: MarketFiles): Promise<StoredMarkets> {
  const record = JSON.parse(await readFile(files.path('market.json'), 'utf8')) as MarketRecord
  const systems = new Map<string, StoredMarket>()
  for (const system of record.systems) {
    const read = async (table: TableName): Promise<Table> =>
      tableFromBytes(system.columns[table], await readFile(files.path(tableFile(system.name, table))))
    const { sampled, bidding, shown, audited, paymentRule } = system
    const { rounds, moved, multipliers } = bidding
    const progress: MarketProgress = {
      responses: { multipliers: new Map(multipliers), rounds, moved: moved ?? Number.POSITIVE_INFINITY },
      outcomes: await read('outcomes'),
      shown,
      logged: await read('logged'),
      regrets: await read('regrets'),
      audited,
    }
    systems.set(system.name, {
      progress,
      paymentRule,
      sampled: sampled === null ? undefined : { ...sampled, halfWidth: sampled.halfWidth ?? Number.NaN },
    })
  }
  return { judges: record.judges, requests: record.requests, clusters: Uint32Array.from(record.clusters), systems }
}
