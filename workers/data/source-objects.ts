/** The objects of an S3 source: those that a pattern finds below its prefix, fetched whole before they are read. */
import { mkdir } from 'node:fs/promises'
import { join, matchesGlob } from 'node:path'
import type { AdvertisingTable } from '../../crds/advertising.ts'
import { errorCode, InvalidNameError } from '../artifacts/errors.ts'
import { StoreAccessError } from '../artifacts/s3/access-error.ts'
import { Bucket, ObjectChangedError, type S3Object } from '../artifacts/s3/bucket.ts'
import { mapAtOnce } from '../artifacts/s3/concurrency.ts'
import type { DatasetSpec, ObjectsSpec } from './dataset-spec.ts'
import { BadDataError, ScratchFullError, SourceAccessError, SourceChangedError } from './errors.ts'
import { byName, checkPattern, findTables, type SourceFile, type SourceFiles } from './source-files.ts'

export interface SourceObject {
  /** Key below the prefix of the source: how messages name it. */
  name: string
  /** Bytes. */
  size: number
  /** Milliseconds since 1970. */
  modified: number
  /** Names its content; a server without them says nothing of what an object holds until it is read. */
  etag: string | undefined
}

export interface SourceObjects {
  interactions: SourceObject[]
  items: SourceObject[]
  /** Only with tables of ads. */
  advertising?: Partial<Record<AdvertisingTable, SourceObject[]>>
}

export const allObjects = ({ interactions, items, advertising }: SourceObjects): SourceObject[] => [
  ...interactions,
  ...items,
  ...Object.values(advertising ?? {}).flat(),
]

export interface FetchOptions {
  /** A new folder for them. */
  folder: string
  signal: AbortSignal
  /** After each object. */
  onFetched(bytes: number): void
}

const GIBIBYTE = 2 ** 30
const MOST_OBJECTS = 100_000
const FETCHED_AT_ONCE = 4

/** @throws BadDataError when nothing matches, or too much; SourceAccessError */
export async function listSourceObjects(spec: DatasetSpec, source: ObjectsSpec): Promise<SourceObjects> {
  if (spec.interactions === undefined) throw new BadDataError('InvalidSpec', 'spec.source.s3 needs spec.interactions')
  const { interactions, items } = spec
  return asSource(source, async () => {
    const bucket = new Bucket(source.uri)
    const advertising = await findTables(spec, (pattern, field) => match(bucket, pattern, field))
    const listed = {
      ...(advertising && { advertising }),
      interactions: await match(bucket, interactions.path, 'spec.interactions.path'),
      items: items === undefined ? [] : await match(bucket, items.path, 'spec.items.path'),
    }
    checkSize(listed, source)
    return listed
  })
}

async function match(bucket: Bucket, pattern: string, field: string): Promise<SourceObject[]> {
  checkPattern(pattern, field)
  const { uri } = bucket.location
  const found: SourceObject[] = []
  // What stands before the first star is asked of the server; the rest is up to us.
  for await (const object of bucket.list(pattern.split(/[*?[\]{}()!+@\\]/, 1)[0] ?? '')) {
    if (!isMatch(object, pattern)) continue
    found.push({ name: object.key, size: object.size, modified: object.modified, etag: object.etag })
    if (found.length > MOST_OBJECTS) {
      const message = `More than ${MOST_OBJECTS} objects below ${uri} match ${JSON.stringify(pattern)}. Change ${field}, or write fewer, larger objects.`
      throw new BadDataError('TooLarge', message)
    }
  }
  if (found.length === 0) {
    const message = `No object below ${uri} matches ${JSON.stringify(pattern)}. Change ${field} or spec.source.s3.uri.`
    throw new BadDataError('SourceNotFound', message)
  }
  return found.sort(byName)
}

/** A key that ends with a slash stands for a folder and holds nothing. */
const isMatch = ({ key }: S3Object, pattern: string): boolean =>
  !key.endsWith('/') && (key === pattern || matchesGlob(key, pattern))

function checkSize(listed: SourceObjects, { uri, maxSizeGibibytes }: ObjectsSpec): void {
  const size = sizeOf(allObjects(listed))
  if (size <= maxSizeGibibytes * GIBIBYTE) return
  const message =
    `The objects of ${uri} hold ${(size / GIBIBYTE).toFixed(1)} GiB, more than spec.source.s3.maxSizeGibibytes ` +
    `(${maxSizeGibibytes}) lets a worker fetch. Raise it if the scratch volume has the room, or let the paths match less.`
  throw new BadDataError('TooLarge', message)
}

export const sizeOf = (objects: readonly SourceObject[]): number => objects.reduce((sum, { size }) => sum + size, 0)

/**
 * Streams the objects into files, their digests counted on the way.
 * @throws SourceChangedError when one is no longer what was listed; ScratchFullError; SourceAccessError
 */
export async function fetchSourceObjects(
  source: ObjectsSpec,
  listed: SourceObjects,
  options: FetchOptions,
): Promise<SourceFiles> {
  const { folder, signal, onFetched } = options
  const bucket = new Bucket(source.uri)
  const objects = new Map(allObjects(listed).map((object) => [object.name, object]))
  const fetchAll = () =>
    mapAtOnce([...objects.values()].entries().toArray(), FETCHED_AT_ONCE, async ([index, object]) => {
      const path = join(folder, `${index}${extensionOf(object.name)}`)
      const file = await fetchObject(bucket, object, path, signal)
      onFetched(file.size)
      return file
    })
  try {
    await mkdir(folder, { recursive: true })
    const files = new Map((await asSource(source, fetchAll)).map((file) => [file.name, file]))
    const filesOf = (wanted: readonly SourceObject[]) => wanted.flatMap(({ name }) => files.get(name) ?? [])
    const tables = Object.entries(listed.advertising ?? {}).map(([table, wanted]) => [table, filesOf(wanted)])
    return {
      folder,
      interactions: filesOf(listed.interactions),
      items: filesOf(listed.items),
      ...(listed.advertising && { advertising: Object.fromEntries(tables) }),
    }
  } catch (error) {
    if (errorCode(error) === 'ENOSPC') throw new ScratchFullError(folder, sizeOf([...objects.values()]), error)
    throw error
  }
}

async function fetchObject(
  bucket: Bucket,
  object: SourceObject,
  path: string,
  signal: AbortSignal,
): Promise<SourceFile> {
  const { name, size, etag } = object
  const changed = (found: string) => new SourceChangedError(`${name} of ${size} bytes`, found)
  try {
    const fetched = await bucket.download(name, path, { etag, signal })
    if (fetched === undefined) throw changed('nothing')
    if (fetched.size !== size) throw changed(`${fetched.size} bytes`)
    return { name, path, ...fetched }
  } catch (error) {
    throw error instanceof ObjectChangedError ? changed('another object of that name') : error
  }
}

/** DuckDB tells compression by it; everything else in a key might mean something to a file system. */
const extensionOf = (name: string): string => /(\.[A-Za-z0-9]{1,16}){1,2}$/.exec(name)?.[0] ?? ''

async function asSource<T>({ uri }: ObjectsSpec, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof InvalidNameError) {
      throw new BadDataError('InvalidSpec', `spec.source.s3.uri cannot be used. ${error.message}`)
    }
    if (!(error instanceof StoreAccessError)) throw error
    throw new SourceAccessError(
      error.reason.replace('Store', 'Source'),
      `${error.message} (spec.source.s3.uri is ${uri})`,
    )
  }
}
