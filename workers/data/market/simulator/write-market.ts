/** Requests, what they showed, and the hidden truth of a simulated market as files. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type NumericArray, writeNumberFile } from '../../binary-files.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { MARKET_FILES } from '../market-files.ts'
import { TRUTH_FILES, type TruthTables } from '../truth.ts'
import type { Feedback } from './feedback.ts'
import type { RequestLog } from './request-log.ts'
import type { Visits } from './requests.ts'
import { writeLines } from './write-catalogue.ts'

/** Requests are named by their user and place; each comes at the time of what the user took next. */
export async function writeVisits(directory: string, dataset: Dataset, visits: Visits): Promise<void> {
  const { user, historyEnd, part, count } = visits
  await writeLines(
    join(directory, MARKET_FILES.requests),
    count,
    (visit) => `${dataset.userIds[user[visit]]}@${historyEnd[visit]}`,
  )
  const write = arrayWriter(directory)
  await write(MARKET_FILES.requestUsers, Uint32Array.from(user))
  await write(MARKET_FILES.requestHistoryEnds, Uint32Array.from(historyEnd))
  await write(MARKET_FILES.requestParts, Uint8Array.from(part))
  const { times, offsets } = dataset
  if (times === undefined) return
  const taken = user.map((index, visit) => times[offsets[index] + historyEnd[visit]])
  await write(MARKET_FILES.requestTimes, Float64Array.from(taken))
}

export async function writeFeedback(directory: string, log: RequestLog, feedback: Feedback): Promise<void> {
  const write = arrayWriter(directory)
  await write(MARKET_FILES.eligibleOffsets, Uint32Array.from(log.eligibleOffsets))
  await write(MARKET_FILES.organicOffsets, Uint32Array.from(log.organicOffsets))
  await write(MARKET_FILES.exposedOffsets, Uint32Array.from(log.offsets))
  await write(MARKET_FILES.exposedItems, Uint32Array.from(log.item))
  await write(MARKET_FILES.exposedAds, Int32Array.from(log.ad))
  await write(MARKET_FILES.exposedCreatives, Int32Array.from(log.creative))
  await write(MARKET_FILES.conditionalPropensities, Float32Array.from(log.propensity))
  await write(MARKET_FILES.clicks, feedback.click)
  await write(MARKET_FILES.creativeClicks, feedback.creativeClick)
  await write(MARKET_FILES.conversions, feedback.conversion)
  await write(MARKET_FILES.conversionValues, feedback.conversionValue)
}

export async function writeTruth(directory: string, truth: TruthTables): Promise<void> {
  const write = arrayWriter(directory)
  await writeFile(join(directory, TRUTH_FILES.parameters), `${JSON.stringify(truth.parameters)}\n`)
  await write(TRUTH_FILES.items, truth.items)
  await write(TRUTH_FILES.users, truth.users)
  await write(TRUTH_FILES.roots, truth.roots)
  await write(TRUTH_FILES.groups, truth.groups)
  await write(TRUTH_FILES.styles, truth.styles)
  await write(TRUTH_FILES.conversionValues, truth.conversionValues)
}

const arrayWriter =
  (directory: string) =>
  (file: string, values: NumericArray): Promise<void> =>
    writeNumberFile(join(directory, file), values)
