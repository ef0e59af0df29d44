import { mkdirSync } from 'node:fs'
import type { Transport } from '../cluster/client.ts'
import { type Clock, systemClock } from '../cluster/clock.ts'
import { namespaceType } from './builtin/types.ts'
import { lockDirectory } from './directory-lock.ts'
import { discovery } from './http/discovery.ts'
import { openApi } from './http/openapi.ts'
import { respond, respondError, respondText } from './http/respond.ts'
import { resourceRoute } from './http/route.ts'
import type { JournalFiles } from './journal.ts'
import { Housekeeping } from './lifecycle/housekeeping.ts'
import type { PodLogHandler } from './pod-log.ts'
import { ResourceHandler } from './resource-handler.ts'
import { ResourceTypes } from './resource-types.ts'
import { pathNotFound } from './status-error.ts'
import { Store } from './store.ts'
import { writeOptions } from './write/options.ts'
import { Writer } from './write/writer.ts'

export interface EmbeddedServerOptions {
  /** Where the journal lies; one server at a time. Absent: all is forgotten when the server stops. */
  directory?: string
  clock?: Clock
  /** How many changes a watch can look back. */
  historyLimit?: number
  /** Told of what a person may want to know. */
  log?: (message: string) => void
  /** The calls that a failing disk makes fail. */
  files?: JournalFiles
}

export interface EmbeddedServer {
  /** The API. */
  handle: Transport
  /** Registers who reads the logs of Pods: the local node. */
  onPodLog(handler: PodLogHandler): void
  /** Ends all watches and closes the journal. */
  stop(): Promise<void>
}

/** What /version says: the API of this Kubernetes release, as far as it is here. */
const version = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0+adloom-embedded',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: `${process.platform}/${process.arch}`,
}

/**
 * The Kubernetes API for those who have no cluster, as one function from Request to Response.
 *
 * CEL rules of CRDs are not evaluated: a CRD that has them is answered with a Warning header.
 *
 * @throws Error when another server has the directory, or when its journal is damaged (with file, line and remedy).
 */
export function createEmbeddedServer(options: EmbeddedServerOptions = {}): EmbeddedServer {
  const { directory, clock = systemClock, log = () => {} } = options
  const unlock = directory === undefined ? () => {} : openDirectory(directory)
  const store = openStore(options, unlock)
  const types = new ResourceTypes(store)
  const housekeeping = new Housekeeping(store, types, clock, log)
  const stopping = new AbortController()
  let podLog: PodLogHandler | undefined
  const resources = new ResourceHandler({ store, clock, podLog: () => podLog, stopped: stopping.signal })
  createFirstNamespaces(store, clock)

  return {
    async handle(request) {
      try {
        const { pathname, searchParams } = new URL(request.url)
        return (
          fixedPath(pathname) ??
          discovery(request, pathname, types) ??
          openApi(pathname, types) ??
          (await resources.handle(request, resourceRoute(resourcePath(pathname), types), searchParams))
        )
      } catch (error) {
        return respondError(error)
      }
    },
    onPodLog(handler) {
      podLog = handler
    },
    async stop() {
      stopping.abort()
      housekeeping.stop()
      await store.close()
      unlock()
    },
  }
}

function openDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return lockDirectory(directory)
}

function openStore(options: EmbeddedServerOptions, unlock: () => void): Store {
  try {
    return new Store(options)
  } catch (error) {
    unlock()
    throw error
  }
}

function createFirstNamespaces(store: Store, clock: Clock): void {
  const writer = new Writer(store, clock)
  const request = new Request('http://localhost/')
  for (const name of ['default', 'kube-system']) {
    if (store.get(namespaceType.storage, undefined, name)) continue
    writer.create(
      namespaceType,
      undefined,
      { metadata: { name } },
      writeOptions(request, new URLSearchParams('fieldManager=adloom-embedded')),
    )
  }
}

function fixedPath(path: string): Response | undefined {
  if (path === '/version' || path === '/version/') return respond(version)
  return /^\/(healthz|livez|readyz)(\/|$)/.test(path) ? respondText('ok') : undefined
}

function resourcePath(path: string): string {
  if (!path.startsWith('/api/') && !path.startsWith('/apis/')) throw pathNotFound()
  return path
}
