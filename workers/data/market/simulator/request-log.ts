/** Candidates and logged lists of every visit: the candidates into files, the lists into memory. */
import { join } from 'node:path'
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'
import { float64, NumberFile, type NumericArray, uint32 } from '../../binary-files.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { sequenceOf } from '../../sequences.ts'
import { MARKET_FILES } from '../market-files.ts'
import { logList } from './logging-policy.ts'
import type { Candidates, Recall } from './recall.ts'
import type { Visits } from './requests.ts'
import type { Bids } from './values.ts'

export interface RequestLog {
  readonly eligibleOffsets: number[]
  readonly organicOffsets: number[]
  /** Entries of request r are offsets[r] .. offsets[r + 1]. */
  readonly offsets: number[]
  readonly item: number[]
  /** -1 for organic entries. */
  readonly ad: number[]
  readonly creative: number[]
  readonly propensity: number[]
  /** What an ad bids; 0 for organic entries. */
  readonly bid: number[]
  /** [ads], in how many requests each was eligible. */
  readonly eligible: Uint32Array
  /** Of users and candidates of requests all over the log, for the ranks of the truth. */
  readonly affinities: Float64Array
}

export interface LogInputs {
  readonly dataset: Dataset
  readonly visits: Visits
  readonly recall: Recall
  /** Item of each ad. */
  readonly adItems: Uint32Array
  readonly bids: Bids
  affinity(user: number, item: number): number
}

export interface LogOptions {
  readonly directory: string
  /** Called between pieces of work; what it throws ends the work. */
  tick(done: number): Promise<void>
}

const PIECE = 128
const AFFINITY_REQUESTS = 2000

export async function writeRequestLog(
  inputs: LogInputs,
  spec: MarketSimulation,
  { directory, tick }: LogOptions,
): Promise<RequestLog> {
  const { visits, bids, adItems } = inputs
  const log = emptyLog(adItems.length)
  const affinities: number[] = []
  const stride = Math.max(1, Math.floor(visits.count / AFFINITY_REQUESTS))
  const create = (name: string, of: (values: readonly number[]) => NumericArray) =>
    NumberFile.create(join(directory, name), of)
  const ads = await create(MARKET_FILES.eligibleAds, uint32)
  const organic = await create(MARKET_FILES.organicItems, uint32)
  const bidFile = bids.ofRequest && (await create(MARKET_FILES.eligibleBids, float64))
  try {
    for (let from = 0; from < visits.count; from += PIECE) {
      const piece = { ads: [] as number[], organic: [] as number[], bids: [] as number[] }
      for (let visit = from; visit < Math.min(from + PIECE, visits.count); visit++) {
        const { candidates, bid } = logVisit(inputs, spec, visit, log)
        piece.ads.push(...candidates.ads)
        piece.organic.push(...candidates.organic)
        piece.bids.push(...bid)
        if (visit % stride !== 0) continue
        for (const ad of candidates.ads) affinities.push(inputs.affinity(visits.user[visit], adItems[ad]))
        for (const item of candidates.organic) affinities.push(inputs.affinity(visits.user[visit], item))
      }
      await ads.append(piece.ads)
      await organic.append(piece.organic)
      await bidFile?.append(piece.bids)
      await tick(from)
    }
  } finally {
    for (const file of [ads, organic, bidFile]) await file?.close()
  }
  return { ...log, affinities: Float64Array.from(affinities) }
}

const emptyLog = (ads: number) => ({
  eligibleOffsets: [0],
  organicOffsets: [0],
  offsets: [0],
  item: [] as number[],
  ad: [] as number[],
  creative: [] as number[],
  propensity: [] as number[],
  bid: [] as number[],
  eligible: new Uint32Array(ads),
})

function logVisit(
  { dataset, visits, recall, adItems, bids }: LogInputs,
  spec: MarketSimulation,
  visit: number,
  log: ReturnType<typeof emptyLog>,
): { candidates: Candidates; bid: number[] } {
  const user = visits.user[visit]
  const historyEnd = visits.historyEnd[visit]
  const random = new Random(spec.seed, 'request', user, historyEnd)
  const sequence = sequenceOf(dataset, user)
  const candidates = recall(sequence.subarray(0, historyEnd), sequence[historyEnd])
  const { ads, adScores, organic } = candidates
  const bid = bids.ofRequest?.(random, ads) ?? ads.map((ad) => bids.fixed?.[ad] ?? 0)
  const worth = bid.map((amount, place) => amount * adScores[place])
  const list = logList({ worth, organicCount: organic.length }, spec, random)
  list.ad.forEach((place, slot) => {
    const item = place < 0 ? organic[list.organic[slot]] : adItems[ads[place]]
    log.item.push(item)
    log.ad.push(place < 0 ? -1 : ads[place])
    log.bid.push(place < 0 ? 0 : bid[place])
    log.creative.push(item * spec.creativesPerItem + random.below(spec.creativesPerItem))
    log.propensity.push(list.propensity[slot] / spec.creativesPerItem)
  })
  log.offsets.push(log.item.length)
  log.eligibleOffsets.push((log.eligibleOffsets.at(-1) ?? 0) + ads.length)
  log.organicOffsets.push((log.organicOffsets.at(-1) ?? 0) + organic.length)
  for (const ad of ads) log.eligible[ad]++
  return { candidates, bid }
}
