// What a model that allocates knows of items and creatives, and the files that hold it.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from '../artifacts/store.ts'
import { fromBytes } from '../tensor/parameters.ts'
import { openCatalogue } from './catalogue.ts'
import type { GeneratorCatalogue } from './ega/generator-catalogue.ts'

/** The things that a model speaks of. */
export interface KnownThings {
  readonly catalogue: GeneratorCatalogue
  /** By item, [items + 1]; absent where there are no creatives. */
  readonly creativeOffsets: Uint32Array | undefined
  readonly itemIds: readonly string[]
  readonly creativeIds: readonly string[]
}

interface Sizes {
  readonly codebookSizes: readonly number[]
  readonly featureDimensions: number
}

/** What the files of `writeThings` do not tell. */
export interface ThingSizes {
  readonly items: Sizes
  readonly creatives: Sizes | null
  readonly contentDimensions: number
}

const files = {
  codes: 'codes.u16',
  features: 'features.f32',
  directions: 'directions.f32',
  itemIds: 'items.jsonl',
  creativeCodes: 'creative-codes.u16',
  creativeFeatures: 'creative-features.f32',
  creativeOffsets: 'creative-offsets.u32',
  creativeIds: 'creatives.jsonl',
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint16Array | Uint32Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const lines = (ids: readonly string[]): string => ids.map((id) => `${JSON.stringify(id)}\n`).join('')

const sizesOf = ({ codebookSizes, featureDimensions }: Sizes): Sizes => ({ codebookSizes, featureDimensions })

/** Writes items and creatives into a folder. */
export async function writeThings(directory: string, things: KnownThings): Promise<ThingSizes> {
  const write = (file: string, data: Uint8Array | string) => writeFile(join(directory, file), data)
  const { items, creatives } = things.catalogue
  await write(files.codes, bytesOf(items.codes))
  await write(files.features, bytesOf(items.features))
  await write(files.directions, bytesOf(items.projection.directions))
  await write(files.itemIds, lines(things.itemIds))
  if (creatives !== undefined && things.creativeOffsets !== undefined) {
    await write(files.creativeCodes, bytesOf(creatives.codes))
    await write(files.creativeFeatures, bytesOf(creatives.features))
    await write(files.creativeOffsets, bytesOf(things.creativeOffsets))
    await write(files.creativeIds, lines(things.creativeIds))
  }
  return {
    items: sizesOf(items),
    creatives: creatives === undefined ? null : sizesOf(creatives),
    contentDimensions: items.projection.dimensions,
  }
}

/** Reads what `writeThings` wrote. */
export async function readThings(
  artifact: Pick<Artifact, 'path' | 'readFile'>,
  { items, creatives, contentDimensions }: ThingSizes,
  { itemCount, creativeCount }: { readonly itemCount: number; readonly creativeCount: number },
): Promise<KnownThings> {
  const floats = async (file: string) => fromBytes(await artifact.readFile(file))
  const integers = async (file: string) => new Uint8Array(await artifact.readFile(file)).buffer
  const ids = async (file: string, count: number) =>
    (await readFile(artifact.path(file), 'utf8'))
      .split('\n')
      .slice(0, count)
      .map((line) => JSON.parse(line) as string)
  return {
    catalogue: {
      items: openCatalogue(
        {
          ...items,
          itemCount,
          levels: items.codebookSizes.length,
          codes: new Uint16Array(await integers(files.codes)),
          features: await floats(files.features),
        },
        { dimensions: contentDimensions, directions: await floats(files.directions) },
      ),
      creatives:
        creatives === null
          ? undefined
          : {
              ...creatives,
              count: creativeCount,
              codes: new Uint16Array(await integers(files.creativeCodes)),
              features: await floats(files.creativeFeatures),
            },
    },
    creativeOffsets: creatives === null ? undefined : new Uint32Array(await integers(files.creativeOffsets)),
    itemIds: await ids(files.itemIds, itemCount),
    creativeIds: creatives === null ? [] : await ids(files.creativeIds, creativeCount),
  }
}
