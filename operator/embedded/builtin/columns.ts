import { ageOf } from '../human-duration.ts'
import { type ApiObject, asArray, asObject, asString, isObject, valueAt } from '../json.ts'
import type { Column } from '../resource-type.ts'
import { ageColumn, nameColumn } from '../table.ts'

function column(name: string, cell: Column['cell'], priority = 0): Column {
  return { name, type: 'string', description: '', priority, cell }
}

function at(object: ApiObject, path: string): unknown {
  return valueAt(object, path.split('.'))
}

function text(path: string, otherwise = '<none>'): Column['cell'] {
  return (object) => String(at(object, path) ?? otherwise)
}

function sizeOf(path: string): Column['cell'] {
  return (object) => Object.keys(asObject(at(object, path))).length
}

function containerStatuses(pod: ApiObject): Record<string, unknown>[] {
  return asArray(at(pod, 'status.containerStatuses')).filter(isObject)
}

/** The word of `kubectl get pods`: why a container waits or ended, else the phase. */
function podState(pod: ApiObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating'
  for (const status of containerStatuses(pod)) {
    const { waiting, terminated } = asObject(status.state)
    const reason = asString(asObject(waiting ?? terminated).reason)
    if (reason !== '') return reason
  }
  return asString(at(pod, 'status.reason')) || asString(at(pod, 'status.phase')) || 'Pending'
}

function readyContainers(pod: ApiObject): string {
  const ready = containerStatuses(pod).filter((status) => status.ready === true).length
  return `${ready}/${asArray(at(pod, 'spec.containers')).length}`
}

function restarts(pod: ApiObject): number {
  return containerStatuses(pod).reduce((sum, status) => sum + Number(status.restartCount ?? 0), 0)
}

function servicePorts(service: ApiObject): string {
  const ports = asArray(at(service, 'spec.ports')).filter(isObject)
  return ports.map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`).join(',') || '<none>'
}

function lastSeen(event: ApiObject, now: number): string {
  const times = [at(event, 'series.lastObservedTime'), event.lastTimestamp, event.eventTime, event.firstTimestamp]
  return ageOf(
    times.find((time) => typeof time === 'string'),
    now,
  )
}

function eventSubject(event: ApiObject): string {
  const { kind, name } = asObject(event.involvedObject ?? event.regarding)
  return `${asString(kind).toLowerCase()}/${asString(name)}`
}

const plain = [nameColumn, ageColumn]

export const columns = {
  plain,
  namespace: [nameColumn, column('Status', text('status.phase')), ageColumn],
  pod: [
    nameColumn,
    column('Ready', readyContainers),
    column('Status', podState),
    column('Restarts', restarts),
    ageColumn,
    column('IP', text('status.podIP'), 1),
    column('Node', text('spec.nodeName'), 1),
  ],
  deployment: [
    nameColumn,
    column('Ready', (object) => `${at(object, 'status.readyReplicas') ?? 0}/${at(object, 'spec.replicas') ?? 0}`),
    column('Up-to-date', text('status.updatedReplicas', '0')),
    column('Available', text('status.availableReplicas', '0')),
    ageColumn,
  ],
  service: [
    nameColumn,
    column('Type', text('spec.type')),
    column('Cluster-IP', text('spec.clusterIP')),
    column('External-IP', text('spec.externalName')),
    column('Port(s)', servicePorts),
    ageColumn,
  ],
  event: [
    column('Last Seen', lastSeen),
    column('Type', text('type')),
    column('Reason', text('reason')),
    column('Object', eventSubject),
    column('Message', (object) => String(object.message ?? object.note ?? '').trim()),
    column('Name', (object) => object.metadata.name, 1),
  ],
  lease: [nameColumn, column('Holder', text('spec.holderIdentity', '')), ageColumn],
  secret: [nameColumn, column('Type', text('type')), column('Data', sizeOf('data')), ageColumn],
  configMap: [nameColumn, column('Data', sizeOf('data')), ageColumn],
  customResourceDefinition: [nameColumn, column('Created At', text('metadata.creationTimestamp'))],
} satisfies Record<string, Column[]>
