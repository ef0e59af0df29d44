/** Advertisers, ads and creatives of a simulated market as files. */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { writeNumberFile } from '../../binary-files.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { appendLines } from '../../json-lines-file.ts'
import { type AdLine, type AdvertiserLine, type CreativeLine, MARKET_FILES } from '../market-files.ts'
import type { DrawnCreatives } from './catalogue.ts'

export interface SimulatedCatalogue {
  readonly dataset: Pick<Dataset, 'itemIds' | 'itemCount'>
  readonly advertisers: readonly string[]
  readonly budgets: Float64Array | undefined
  readonly ads: {
    readonly item: Uint32Array
    readonly advertiser: Uint32Array
    readonly bid: Float64Array | undefined
    readonly value: Float64Array
  }
  readonly creatives: DrawnCreatives
}

export async function writeCatalogue(directory: string, catalogue: SimulatedCatalogue): Promise<void> {
  const { dataset, advertisers, budgets, ads, creatives } = catalogue
  const lines = <T>(file: string, count: number, line: (index: number) => T): Promise<void> =>
    writeLines(join(directory, file), count, line)
  await lines<AdvertiserLine>(MARKET_FILES.advertisers, advertisers.length, (advertiser) => ({
    id: advertisers[advertiser],
    ...(budgets && { budget: budgets[advertiser] }),
  }))
  await lines<AdLine>(MARKET_FILES.ads, ads.item.length, (ad) => ({
    id: `ad-${dataset.itemIds[ads.item[ad]]}`,
    item: ads.item[ad],
    advertiser: ads.advertiser[ad],
    ...(ads.bid && { bid: ads.bid[ad] }),
    value: ads.value[ad],
  }))
  await lines<CreativeLine>(MARKET_FILES.creatives, creatives.item.length, (creative) => ({
    id: creatives.ids[creative],
    item: creatives.item[creative],
    text: creatives.text[creative],
  }))
  const perItem = creatives.item.length / dataset.itemCount
  const offsets = Uint32Array.from({ length: dataset.itemCount + 1 }, (_, item) => item * perItem)
  await writeNumberFile(join(directory, MARKET_FILES.creativeOffsets), offsets)
}

const PIECE = 4096

/** A line an index, in pieces: a whole file may be longer than the longest string. */
export async function writeLines(path: string, count: number, line: (index: number) => unknown): Promise<void> {
  const file: FileHandle = await open(path, 'w')
  try {
    for (let from = 0; from < count; from += PIECE) {
      await appendLines(
        file,
        Array.from({ length: Math.min(PIECE, count - from) }, (_, index) => line(from + index)),
      )
    }
  } finally {
    await file.close()
  }
}
