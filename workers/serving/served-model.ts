// A model with all that answering a request needs, loaded and warm.

import type { ArtifactStore } from '../artifacts/store.ts'
import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'
import type { ExecutionProvider } from '../tensor/execution-provider.ts'
import type { ServedAuction } from './auction/auction-model.ts'
import type { FirstCodes } from './history-codes.ts'

/** What answering needs of a model. */
export interface ServedModel {
  readonly digest: string
  /** Id by item index. */
  readonly itemIds: readonly string[]
  findItem(id: string): number | undefined
  readonly firstCodes: FirstCodes
  /** Items of a known user, oldest first; undefined for an unknown one. */
  historyOf(user: string): Uint32Array | undefined
  /**
   * Creative through which each item of a known user was taken, -1 where nobody knows. Absent where the Dataset tells none,
   * and of a model without an auction.
   */
  creativesOf?(user: string): Int32Array | undefined
  /** When things happen, in milliseconds since 1970, for a model that heeds it. */
  readonly times?: {
    /** When each item of a known user was taken. Absent where the Dataset has no times: the model has learned none. */
    of?(user: string): Float64Array | undefined
    now(): number
  }
  /** Of a model that answers with priced lists; the model is then asked by it alone. */
  readonly auction?: ServedAuction
  /** A list for each request, in their order. */
  decode(requests: readonly DecodeRequest[]): Promise<DecodedList[]>
  release(): Promise<void>
}

export interface LoadOptions {
  readonly store: Pick<ArtifactStore, 'open' | 'stat'>
  readonly threads: number
  readonly provider?: ExecutionProvider
  /** Longest list that will be asked for. */
  readonly beamSize: number
  readonly maxBatchSize: number
  /** What of the auction shapes the graph; absent: as the model was trained. */
  readonly auction?: { readonly candidateLists?: number }
}
