/** The advertising tables of a Dataset artifact, in memory. */
import type { Artifact } from '../../artifacts/store.ts'
import { readFloat32File, readFloat64File, readInt32File, readUint8File, readUint32File } from '../binary-files.ts'
import { type DatasetFiles, filesOf } from '../dataset-reader.ts'
import { readJsonLines } from '../json-lines-file.ts'
import type { Ads, Creatives, Exposures, Market, Propensities, Requests } from './market.ts'
import { type AdLine, type AdvertiserLine, type CreativeLine, MARKET_FILES } from './market-files.ts'

/**
 * @param artifact of a Dataset, opened, hence verified
 * @returns undefined where the Dataset has no spec.advertising
 */
export const openMarket = (artifact: Artifact): Promise<Market | undefined> => readMarket(filesOf(artifact))

async function readMarket(files: DatasetFiles): Promise<Market | undefined> {
  if (!files.has(MARKET_FILES.ads)) return undefined
  const advertisers = await readJsonLines<AdvertiserLine>(files.path(MARKET_FILES.advertisers))
  const ads = await readAds(files)
  const creatives = await readCreatives(files)
  const requests = await readRequests(files, ads)
  return {
    advertisers: {
      count: advertisers.length,
      ids: advertisers.map(({ id }) => id),
      budget: Float64Array.from(advertisers, ({ budget }) => budget ?? Number.POSITIVE_INFINITY),
    },
    ads,
    ...(creatives && { creatives }),
    ...(requests && { requests }),
  }
}

async function readAds(files: DatasetFiles): Promise<Ads> {
  const lines = await readJsonLines<AdLine>(files.path(MARKET_FILES.ads))
  return {
    count: lines.length,
    ids: lines.map(({ id }) => id),
    item: Uint32Array.from(lines, ({ item }) => item),
    advertiser: Uint32Array.from(lines, ({ advertiser }) => advertiser),
    bid: Float64Array.from(lines, ({ bid }) => bid ?? Number.NaN),
    value: Float64Array.from(lines, ({ bid, value }) => value ?? bid ?? Number.NaN),
  }
}

async function readCreatives(files: DatasetFiles): Promise<Creatives | undefined> {
  if (!files.has(MARKET_FILES.creatives)) return undefined
  const lines = await readJsonLines<CreativeLine>(files.path(MARKET_FILES.creatives))
  const data = await ifThere(files, MARKET_FILES.creativeEmbeddings, readFloat32File)
  return {
    count: lines.length,
    ids: lines.map(({ id }) => id),
    item: Uint32Array.from(lines, ({ item }) => item),
    offsets: await readUint32File(files.path(MARKET_FILES.creativeOffsets)),
    text: (creative) => lines[creative].text,
    ...(data && { embeddings: { dim: data.length / lines.length, data } }),
  }
}

async function readRequests(files: DatasetFiles, ads: Ads): Promise<Requests | undefined> {
  if (!files.has(MARKET_FILES.requests)) return undefined
  const ids = await readJsonLines<string>(files.path(MARKET_FILES.requests))
  const time = await ifThere(files, MARKET_FILES.requestTimes, readFloat64File)
  const eligible = await readEligible(files, ads)
  const organic = files.has(MARKET_FILES.organicOffsets)
    ? {
        offsets: await readUint32File(files.path(MARKET_FILES.organicOffsets)),
        item: await readUint32File(files.path(MARKET_FILES.organicItems)),
      }
    : undefined
  const exposed = await readExposures(files)
  return {
    count: ids.length,
    ids,
    user: await readUint32File(files.path(MARKET_FILES.requestUsers)),
    historyEnd: await readUint32File(files.path(MARKET_FILES.requestHistoryEnds)),
    part: await readUint8File(files.path(MARKET_FILES.requestParts)),
    ...(time && { time }),
    ...(eligible && { ads: eligible }),
    ...(organic && { organic }),
    ...(exposed && { exposed }),
  }
}

async function readEligible(files: DatasetFiles, ads: Ads): Promise<Requests['ads']> {
  if (!files.has(MARKET_FILES.eligibleOffsets)) return undefined
  const ad = await readUint32File(files.path(MARKET_FILES.eligibleAds))
  const bid =
    (await ifThere(files, MARKET_FILES.eligibleBids, readFloat64File)) ??
    (await ifThere(files, MARKET_FILES.roundedEligibleBids, readFloat32File))
  return {
    offsets: await readUint32File(files.path(MARKET_FILES.eligibleOffsets)),
    ad,
    bid: bid === undefined ? Float64Array.from(ad, (index) => ads.bid[index]) : Float64Array.from(bid),
  }
}

async function readExposures(files: DatasetFiles): Promise<Exposures | undefined> {
  if (!files.has(MARKET_FILES.exposedOffsets)) return undefined
  const slot = await ifThere(files, MARKET_FILES.exposedSlots, readUint32File)
  const creativeClick = await ifThere(files, MARKET_FILES.creativeClicks, readUint8File)
  const conversion = await ifThere(files, MARKET_FILES.conversions, readUint8File)
  const conversionValue = await ifThere(files, MARKET_FILES.conversionValues, readFloat32File)
  const propensity =
    (await readPropensities(files, MARKET_FILES.propensities, 'Marginal')) ??
    (await readPropensities(files, MARKET_FILES.conditionalPropensities, 'GivenBefore'))
  return {
    offsets: await readUint32File(files.path(MARKET_FILES.exposedOffsets)),
    ...(slot && { slot }),
    item: await readUint32File(files.path(MARKET_FILES.exposedItems)),
    ad: await readInt32File(files.path(MARKET_FILES.exposedAds)),
    creative: await readInt32File(files.path(MARKET_FILES.exposedCreatives)),
    click: await readUint8File(files.path(MARKET_FILES.clicks)),
    ...(creativeClick && { creativeClick }),
    ...(conversion && { conversion }),
    ...(conversionValue && { conversionValue }),
    ...(propensity && { propensity }),
  }
}

const readPropensities = (
  files: DatasetFiles,
  file: string,
  meaning: Propensities['meaning'],
): Promise<Propensities | undefined> =>
  ifThere(files, file, async (path) => ({ meaning, values: await readFloat32File(path) }))

const ifThere = async <T>(
  files: DatasetFiles,
  file: string,
  read: (path: string) => Promise<T>,
): Promise<T | undefined> => (files.has(file) ? read(files.path(file)) : undefined)
