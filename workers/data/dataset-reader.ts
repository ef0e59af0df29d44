/** A Dataset artifact in memory: typed arrays, and text per item. */
import type { Artifact } from '../artifacts/store.ts'
import { readFloat32File, readFloat64File, readUint32File } from './binary-files.ts'
import { DATASET_FILES } from './export-dataset.ts'
import { readJsonLines } from './json-lines-file.ts'

export interface Dataset {
  digest: string
  itemCount: number
  userCount: number
  itemIds: readonly string[]
  userIds: readonly string[]
  itemText(item: number): string
  itemAttributes(item: number): readonly string[]
  /** [itemCount, dim], row-major; items outside the catalogue have zeros. */
  embeddings?: { dim: number; data: Float32Array }
  /** [userCount + 1]: events of user u are events[offsets[u] .. offsets[u + 1]). */
  offsets: Uint32Array
  /** Item indices. */
  events: Uint32Array
  /** Milliseconds since 1970, one per event. */
  times?: Float64Array
  /** [userCount], positions within a user's sequence: [0, trainEnd) is for training. */
  trainEnd: Uint32Array
  /** [userCount]: [trainEnd, validationEnd) is for validation, what follows for the test. */
  validationEnd: Uint32Array
  findUser(id: string): number | undefined
  findItem(id: string): number | undefined
}

interface ItemLine {
  id: string
  text: string
  attributes: string[]
}

/** @param artifact opened, hence verified */
export async function openDataset(artifact: Artifact): Promise<Dataset> {
  if (artifact.manifest.kind !== 'Dataset') {
    throw new Error(`Artifact ${artifact.digest} is a ${artifact.manifest.kind}, not a Dataset. Refer to a Dataset.`)
  }
  return readDataset(filesOf(artifact), artifact.digest)
}

/** The files of a dataset, wherever they lie. */
export interface DatasetFiles {
  path(file: string): string
  has(file: string): boolean
}

export const filesOf = (artifact: Artifact): DatasetFiles => ({
  path: (file) => artifact.path(file),
  has: (file) => artifact.manifest.files.some(({ path }) => path === file),
})

export async function readDataset(files: DatasetFiles, digest: string): Promise<Dataset> {
  const items = await readJsonLines<ItemLine>(files.path(DATASET_FILES.items))
  const userIds = await readJsonLines<string>(files.path(DATASET_FILES.users))
  const itemIds = items.map((item) => item.id)
  const splits = await readUint32File(files.path(DATASET_FILES.splits))
  const users = indexOf(userIds)
  const itemsById = indexOf(itemIds)
  const dataset: Dataset = {
    digest,
    itemCount: items.length,
    userCount: userIds.length,
    itemIds,
    userIds,
    itemText: (item) => items[item].text,
    itemAttributes: (item) => items[item].attributes,
    offsets: await readUint32File(files.path(DATASET_FILES.offsets)),
    events: await readUint32File(files.path(DATASET_FILES.events)),
    trainEnd: Uint32Array.from(userIds, (_, user) => splits[2 * user]),
    validationEnd: Uint32Array.from(userIds, (_, user) => splits[2 * user + 1]),
    findUser: (id) => users.get(id),
    findItem: (id) => itemsById.get(id),
  }
  if (files.has(DATASET_FILES.times)) dataset.times = await readFloat64File(files.path(DATASET_FILES.times))
  if (files.has(DATASET_FILES.embeddings)) {
    const data = await readFloat32File(files.path(DATASET_FILES.embeddings))
    dataset.embeddings = { dim: data.length / items.length, data }
  }
  return dataset
}

function indexOf(ids: readonly string[]): Map<string, number> {
  return new Map(ids.map((id, index) => [id, index]))
}
