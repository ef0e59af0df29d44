import { expect } from 'vitest'
import { type Client, createClient, type Transport } from '../../operator/cluster/client.ts'
import { systemClock } from '../../operator/cluster/clock.ts'
import { ConflictError } from '../../operator/cluster/errors.ts'
import { LeaderElector, type Lease } from '../../operator/cluster/lease.ts'
import { CONFIG_MAP, EVENT, LEASE } from '../../operator/cluster/resources.ts'
import { StatusWriter } from '../../operator/control/status-writer.ts'
import { lintConditions } from './condition-linter.ts'
import { fakeLog } from './fake-log.ts'
import { kstatus } from './kstatus.ts'
import {
  type ConfigMap,
  FINALIZER,
  find,
  installNotes,
  NOTE,
  type Note,
  startNoteOperator,
  until,
} from './sample-operator.ts'

export interface ApiServer {
  transport: Transport
  server: string
  /** Empty, and used by nobody else. */
  namespace: string
}

/** What has to hold on every API server: each a function that throws where it does not. */
export const controlContract: Record<string, (api: ApiServer) => Promise<void>> = {
  'brings about what a spec says, follows its edits, and settles with no write at all': async (api) => {
    const { transport, server, namespace } = api
    const client = await userOf(api)
    const key = { namespace, name: 'hello' }
    const operator = startNoteOperator(transport, server, namespace, 100)
    try {
      await client.create(NOTE, note(namespace, 'hello', 'first'))
      await untilText(client, key, 'first')
      const ready = await untilKstatus(client, key, 'Current')
      expect(lintConditions(ready)).toEqual([])
      expect(ready.metadata.finalizers).toEqual([FINALIZER])

      const before = operator.reconciles()
      const writes = operator.writes.length
      await until('ten resyncs are over', () => operator.reconciles() >= before + 10 || undefined)
      expect(operator.writes.slice(writes)).toEqual([])

      await client.mergePatch(NOTE, key, { spec: { text: 'second' } })
      await untilText(client, key, 'second')
      await client.delete(CONFIG_MAP, key)
      await untilText(client, key, 'second')

      await client.mergePatch(NOTE, key, { spec: { text: '' } })
      const failed = await untilKstatus(client, key, 'Failed')
      expect(lintConditions(failed)).toEqual([])
      await until('the event is there', async () => {
        const { items } = await client.list(EVENT, { namespace })
        return items.some((event) => (event as unknown as { reason: string }).reason === 'Empty') || undefined
      })

      await client.delete(NOTE, key)
      await until('the note is gone', async () => (await find(client, NOTE, key)) === undefined || undefined)
      expect(operator.log.lines.filter((line) => line.level !== 'info')).toEqual([])
    } finally {
      await operator.stop()
    }
  },

  'goes on where another operator stopped, without a write': async (api) => {
    const { transport, server, namespace } = api
    const client = await userOf(api)
    const first = startNoteOperator(transport, server, namespace, 0)
    await client.create(NOTE, note(namespace, 'kept', 'text'))
    await untilKstatus(client, { namespace, name: 'kept' }, 'Current')
    await first.stop()
    const second = startNoteOperator(transport, server, namespace, 100)
    await until('it reconciled', () => second.reconciles() >= 5 || undefined)
    await second.stop()
    expect(second.writes).toEqual([])
  },

  'refuses a status for an object that took the name of another': async (api) => {
    const client = await userOf(api)
    const old = await client.create(NOTE, note(api.namespace, 'again', 'old'))
    await client.delete(NOTE, { namespace: api.namespace, name: 'again' })
    await client.create(NOTE, note(api.namespace, 'again', 'new'))
    const writer = new StatusWriter({ resource: NOTE, clock: systemClock })
    await expect(writer.write(client, old, { observedGeneration: 1 })).rejects.toThrow(ConflictError)
  },

  'elects one of two leaders and hands over': async ({ transport, server, namespace }) => {
    const client = createClient({ transport, server, fieldManager: 'sample', userAgent: 'sample' })
    const key = { namespace, name: 'leader' }
    const terms: string[] = []
    const elector = (identity: string) =>
      new LeaderElector({
        client,
        clock: systemClock,
        random: Math.random,
        log: fakeLog(),
        key,
        identity,
        leaseDurationMs: 60_000,
        renewDeadlineMs: 40_000,
        retryPeriodMs: 50,
        onElected: (fence) => terms.push(`${fence.identity} ${fence.transitions}`),
        onLost: () => terms.push('lost'),
      })
    const [a, b] = [elector('a'), elector('b')]
    a.start()
    await until('a leads', () => a.isLeader() || undefined)
    b.start()
    const renewedAt = async () => (await client.get<Lease>(LEASE, key)).spec?.renewTime
    const first = await renewedAt()
    await until('a renewed', async () => (await renewedAt()) !== first || undefined)
    await a.stop()
    await until('b leads', () => b.isLeader() || undefined)
    await b.stop()
    expect(terms).toEqual(['a 0', 'b 1'])
    expect((await client.get<Lease>(LEASE, key)).spec?.holderIdentity ?? '').toBe('')
  },
}

async function userOf({ transport, server }: ApiServer): Promise<Client> {
  const client = createClient({ transport, server, fieldManager: 'sample-user', userAgent: 'sample' })
  await installNotes(client)
  return client
}

function note(namespace: string, name: string, text: string): Note {
  return { apiVersion: 'sample.test/v1', kind: 'Note', metadata: { namespace, name }, spec: { text } }
}

async function untilText(client: Client, key: { namespace: string; name: string }, text: string): Promise<void> {
  await until(`the ConfigMap says "${text}"`, async () => {
    return (await find<ConfigMap>(client, CONFIG_MAP, key))?.data?.text === text || undefined
  })
}

async function untilKstatus(client: Client, key: { namespace: string; name: string }, wanted: string): Promise<Note> {
  return until(`the note is ${wanted}`, async () => {
    const found = await client.get<Note>(NOTE, key)
    return kstatus(found).status === wanted ? found : undefined
  })
}
