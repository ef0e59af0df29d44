import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { apiVersion, resourceOf } from '../../crds/kind.ts'
import { kinds } from '../../crds/kinds.ts'
import type { KubernetesObject, Resource } from '../cluster/objects.ts'
import { SECRET } from '../cluster/resources.ts'
import { UsageError } from './usage-error.ts'

export interface Manifest {
  resource: Resource
  object: KubernetesObject
  /** File and line, for messages. */
  place: string
}

const maxBytes = 1 << 20

/**
 * Reads manifests from files and folders (*.yaml, *.yml, *.json; not below), in the order of names. `${NAME}` stands for
 * an environment variable, `${NAME:-word}` for one with a default. An object that several files state alike is one.
 *
 * @throws UsageError with file and line of what cannot be read
 */
export function readManifests(paths: readonly string[], environment: NodeJS.ProcessEnv): Manifest[] {
  const manifests = paths.flatMap(filesOf).flatMap((file) => readFile(file, environment))
  if (manifests.length === 0) throw new UsageError(`no manifest in ${paths.join(', ')}`)
  return withoutRepeats(manifests)
}

function withoutRepeats(manifests: readonly Manifest[]): Manifest[] {
  const known: Manifest[] = []
  for (const manifest of manifests)
    if (!known.some(({ object }) => isDeepStrictEqual(object, manifest.object))) known.push(manifest)
  return known
}

function filesOf(path: string): string[] {
  let isFolder: boolean
  try {
    isFolder = statSync(path).isDirectory()
  } catch {
    throw new UsageError(`${path} does not exist; give a manifest or a folder of manifests with -f`)
  }
  if (!isFolder) return [path]
  return readdirSync(path)
    .filter((name) => ['.yaml', '.yml', '.json'].includes(extname(name)))
    .sort()
    .map((name) => join(path, name))
}

function readFile(file: string, environment: NodeJS.ProcessEnv): Manifest[] {
  if (statSync(file).size > maxBytes) throw new UsageError(`${file} is larger than ${maxBytes} bytes`)
  const text = readFileSync(file, 'utf8')
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document) => {
    const line = text.slice(0, document.range?.[0] ?? 0).split('\n').length
    const [error] = document.errors
    if (error) {
      const at = error.linePos?.[0].line ?? line
      throw new UsageError(`${file}:${at}: ${error.message.split('\n')[0]}`)
    }
    const value: unknown = document.toJS()
    return value === null ? [] : [manifestOf(substitute(value, environment, file), `${file}:${line}`)]
  })
}

function manifestOf(value: unknown, place: string): Manifest {
  const object = value as Partial<KubernetesObject>
  const resource = resourceNamed(object)
  if (!resource) {
    const known = kinds.map(({ kind }) => kind).join(', ')
    const found = `${object.apiVersion ?? 'no apiVersion'} ${object.kind ?? 'no kind'}`
    const message = `${found} is none of Adloom's kinds, nor a Secret; known are, of ${apiVersion}: ${known}`
    throw new UsageError(`${place}: ${message}`)
  }
  if (typeof object.metadata?.name !== 'string') throw new UsageError(`${place}: metadata.name is missing`)
  return { resource, object: object as KubernetesObject, place }
}

/** Beside our own kinds those that Pods need to be there first: credentials of a store, the token of events. */
function resourceNamed({ apiVersion: version, kind }: Partial<KubernetesObject>): Resource | undefined {
  if (version === 'v1' && kind === SECRET.kind) return SECRET
  const definition = version === apiVersion ? kinds.find((one) => one.kind === kind) : undefined
  return definition && resourceOf(definition)
}

function substitute(value: unknown, environment: NodeJS.ProcessEnv, file: string): unknown {
  if (typeof value === 'string') return substituteText(value, environment, file)
  if (Array.isArray(value)) return value.map((entry) => substitute(entry, environment, file))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, substitute(entry, environment, file)]))
}

function substituteText(text: string, environment: NodeJS.ProcessEnv, file: string): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g, (_, name: string, fallback?: string) => {
    const found = environment[name] || fallback
    if (found === undefined) throw new UsageError(`${file}: the environment variable ${name} is not set`)
    return found
  })
}
