import { type Client, createClient, type Transport } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { ifThere } from '../../operator/cluster/errors.ts'
import { Informer } from '../../operator/cluster/informer.ts'
import type { Condition, KubernetesObject, ObjectKey, Resource } from '../../operator/cluster/objects.ts'
import { CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION } from '../../operator/cluster/resources.ts'
import { deriveConditions, type Readiness } from '../../operator/control/conditions.ts'
import { Controller, type Reconcile } from '../../operator/control/controller.ts'
import { EventRecorder } from '../../operator/control/events.ts'
import { addFinalizer, removeFinalizer } from '../../operator/control/finalizers.ts'
import { done, type Outcome, requeueAfter, stalled } from '../../operator/control/outcome.ts'
import { StatusWriter } from '../../operator/control/status-writer.ts'
import { owned, primary } from '../../operator/control/triggers.ts'
import { fakeLog } from './fake-log.ts'

/** A kind of no product: a text that shall lie in a ConfigMap of the same name. */
export interface Note extends KubernetesObject {
  spec: { text: string }
  status?: { observedGeneration: number; conditions?: Condition[] }
}

export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
}

export const NOTE: Resource = { group: 'sample.test', version: 'v1', kind: 'Note', plural: 'notes', namespaced: true }
export const FINALIZER = 'sample.test/clean-up'

/** Defines the kind and waits until it is served. */
export async function installNotes(client: Client): Promise<void> {
  const condition = { type: 'object', required: ['type', 'status'], properties: conditionProperties() }
  const conditions = {
    type: 'array',
    items: condition,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  }
  const status = {
    type: 'object',
    default: { observedGeneration: -1 },
    properties: { observedGeneration: { type: 'integer', format: 'int64' }, conditions },
  }
  const spec = { type: 'object', properties: { text: { type: 'string' } } }
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, status } } }
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'notes.sample.test' },
    spec: {
      group: NOTE.group,
      scope: 'Namespaced',
      names: { plural: 'notes', singular: 'note', kind: 'Note' },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  }
  await client.apply(CUSTOM_RESOURCE_DEFINITION, definition, { force: true })
  await until('notes are served', async () => {
    return ifThere(client.list(NOTE))
  })
}

function conditionProperties() {
  const text = { type: 'string' }
  return {
    type: text,
    status: text,
    reason: text,
    message: text,
    lastTransitionTime: { type: 'string', format: 'date-time' },
    observedGeneration: { type: 'integer', format: 'int64' },
  }
}

/** A whole operator for notes. Every write that it makes is in `writes`. */
export function startNoteOperator(transport: Transport, server: string, namespace: string, resyncMs: number) {
  const writes: string[] = []
  const counting: Transport = (request) => {
    if (request.method !== 'GET') writes.push(`${request.method} ${new URL(request.url).pathname}`)
    return transport(request)
  }
  const client = createClient({ transport: counting, server, fieldManager: 'sample-notes', userAgent: 'sample' })
  const log = fakeLog()
  const shared = { client, clock: systemClock, random: Math.random, log }
  const notes = new Informer<Note>({ ...shared, resource: NOTE, namespace, resyncMs })
  const configMaps = new Informer<ConfigMap>({ ...shared, resource: CONFIG_MAP, namespace })
  let ids = 0
  const recorder = new EventRecorder({
    ...shared,
    reportingController: 'sample.test/notes',
    reportingInstance: 'test',
    newId: () => `${Date.now().toString(36)}${ids++}`,
  })
  let reconciles = 0
  const reconcile = createReconcile(notes, configMaps, recorder)
  const controller = new Controller({
    ...shared,
    name: 'notes',
    reconcile: (key, context) => {
      reconciles++
      return reconcile(key, context)
    },
    triggers: [primary(notes), owned(configMaps, NOTE)],
  })
  controller.start()
  notes.start()
  configMaps.start()
  return {
    writes,
    log,
    notes,
    reconciles: () => reconciles,
    async stop() {
      await controller.stop()
      await Promise.all([notes.stop(), configMaps.stop(), recorder.stop()])
    },
  }
}

function createReconcile(notes: Informer<Note>, configMaps: Informer<ConfigMap>, recorder: EventRecorder): Reconcile {
  const writer = new StatusWriter({ resource: NOTE, clock: systemClock })
  return async (key, { client }) => {
    const note = notes.get(key)
    if (!note) return done()
    if (note.metadata.deletionTimestamp !== undefined) {
      await removeFinalizer(client, NOTE, note, FINALIZER)
      return done()
    }
    if (!note.metadata.finalizers?.includes(FINALIZER)) {
      await addFinalizer(client, NOTE, note, FINALIZER)
      return requeueAfter(0)
    }
    const [readiness, outcome] = await bringAbout(client, note, configMaps.get(key))
    const { conditions = [] } = note.status ?? {}
    const status = deriveConditions(conditions, note.metadata.generation ?? 1, readiness, Date.now())
    const result = await writer.write(client, note, status)
    if (result.kind === 'written' && readiness.reason !== conditions.find(({ type }) => type === 'Ready')?.reason) {
      const type = readiness.state === 'stalled' ? 'Warning' : 'Normal'
      recorder.record(note, { type, reason: readiness.reason, action: 'Reconcile', note: readiness.message })
    }
    return outcome
  }
}

async function bringAbout(client: Client, note: Note, child: ConfigMap | undefined): Promise<[Readiness, Outcome]> {
  if (note.spec.text === '') {
    const message = 'spec.text is empty: write something.'
    return [{ state: 'stalled', reason: 'Empty', message }, stalled(message)]
  }
  if (child?.data?.text !== note.spec.text) await client.apply(CONFIG_MAP, wantedChild(note), { force: true })
  return [{ state: 'ready', reason: 'Succeeded', message: 'The text lies in its ConfigMap.' }, done()]
}

function wantedChild({ apiVersion, kind, metadata, spec }: Note): ConfigMap {
  const { name, namespace = '', uid = '' } = metadata
  const owner = { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
  const data = { text: spec.text }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ownerReferences: [owner] }, data }
}

/** Asks until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`waited in vain until ${what}`)
}

/** The object, or undefined when there is none. */
export async function find<T extends KubernetesObject>(client: Client, resource: Resource, key: ObjectKey) {
  return ifThere(client.get<T>(resource, key))
}
