/**
 * What ingestion needs to know of a Dataset's spec. The custom resource's spec has this shape too; defaults that the
 * API server fills in are optional here.
 */

import type { Advertising } from '../../crds/advertising.ts'

export type TableFormat = 'JSONLines' | 'CSV' | 'Parquet'

export interface SimulationSpec {
  users: number
  items: number
  /** Hidden clusters of items that users follow. */
  interests: number
  /** Mean length of a history; at least 3. */
  interactionsPerUser: number
  /** 0..100: how far the popularity of items moves from the first day to the last. */
  driftPercent: number
  seed: number
}

export interface InteractionsSpec {
  /** File or glob pattern below the source. */
  path: string
  format: TableFormat | 'SequenceLines'
  /** Needed but for SequenceLines. */
  columns?: { user: string; item: string; time?: string }
  /** One character; CSV: a comma by default. */
  delimiter?: string
}

export interface ItemsSpec {
  path: string
  format: TableFormat
  columns: { id: string; text?: readonly string[]; attributes?: readonly string[]; embedding?: string }
  delimiter?: string
}

export interface ObjectsSpec {
  /** `s3://bucket/prefix` */
  uri: string
  /** More than this is not fetched. */
  maxSizeGibibytes: number
}

export interface SplitSpec {
  strategy: 'LeaveOneOut' | 'Temporal'
  /** RFC 3339; interactions from then on are for validation, from testStartTime on for the test. */
  validationStartTime?: string
  testStartTime?: string
  /** Or as shares of all interactions, the latest for the test. */
  validationPercent?: number
  testPercent?: number
}

export interface DatasetSpec {
  source: {
    /** Absolute folder; nothing outside it is read. */
    file?: { path: string }
    s3?: ObjectsSpec
    simulation?: SimulationSpec
  }
  interactions?: InteractionsSpec
  items?: ItemsSpec
  /** Tables of ads, requests and what was shown, or a simulation of them; with all its defaults. */
  advertising?: Advertising
  split: SplitSpec
  /** Users with fewer interactions are left out; default 1. */
  minInteractionsPerUser?: number
  /** Only the most recent ones of each user are kept; default all. */
  maxHistoryLength?: number
  /** Default 0. */
  maxBadRows?: number
  /** Of the order in which items and users are numbered; default 0. */
  seed?: number
}
