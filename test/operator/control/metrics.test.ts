import { afterEach, describe, expect, it } from 'vitest'
import { createClient } from '../../../operator/cluster/client.ts'
import { Informer } from '../../../operator/cluster/informer.ts'
import { CONFIG_MAP } from '../../../operator/cluster/resources.ts'
import { type HealthServer, startHealthServer } from '../../../operator/control/health.ts'
import { OperatorMetrics } from '../../../operator/control/metrics.ts'
import { WorkQueue } from '../../../operator/control/workqueue.ts'
import { FakeClock, seededRandom } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'
import { listOf, ScriptedServer } from '../../support/scripted-server.ts'

describe('the metrics', () => {
  it('count reconciles by result, failures, bugs and terminal states', async () => {
    const metrics = new OperatorMetrics()
    const observer = metrics.observerOf('things')
    for (const result of ['done', 'retry', 'panic', 'stalled', 'conflict'] as const) {
      observer.started()
      observer.finished(result, 0.2)
    }
    observer.started()
    observer.readStale()
    const text = await metrics.registry.metrics()
    expect(text).toContain('controller_runtime_reconcile_total{controller="things",result="conflict"} 1')
    expect(text).toContain('controller_runtime_reconcile_errors_total{controller="things"} 2')
    expect(text).toContain('controller_runtime_reconcile_panics_total{controller="things"} 1')
    expect(text).toContain('controller_runtime_terminal_reconcile_errors_total{controller="things"} 1')
    expect(text).toContain('controller_runtime_reconcile_time_seconds_count{controller="things"} 5')
    expect(text).toContain('controller_runtime_active_workers{controller="things"} 1')
    expect(text).toContain('adloom_controller_stale_reads_total{controller="things"} 1')
  })

  it('show the queue as it is when they are read', async () => {
    const clock = new FakeClock()
    const metrics = new OperatorMetrics()
    const { queue: observer } = metrics.observerOf('things')
    const queue = new WorkQueue({ clock, random: seededRandom(1), ...(observer && { observer }) })
    metrics.watchQueue('things', queue, 3)
    for (const key of ['a', 'b', 'c']) queue.add(key)
    await clock.advance(500)
    await queue.take()
    await clock.advance(2000)
    queue.retry('d')
    const text = await metrics.registry.metrics()
    expect(text).toContain('workqueue_depth{name="things"} 2')
    expect(text).toContain('workqueue_adds_total{name="things"} 3')
    expect(text).toContain('workqueue_retries_total{name="things"} 1')
    expect(text).toContain('workqueue_queue_duration_seconds_sum{name="things"} 0.5')
    expect(text).toContain('workqueue_unfinished_work_seconds{name="things"} 2')
    expect(text).toContain('workqueue_longest_running_processor_seconds{name="things"} 2')
    expect(text).toContain('controller_runtime_max_concurrent_reconciles{controller="things"} 3')
  })

  it('show the informers and who leads', async () => {
    const clock = new FakeClock()
    const metrics = new OperatorMetrics()
    const server = new ScriptedServer()
    const metadata = { name: 'a', namespace: 'team', uid: 'u', resourceVersion: '1' }
    server.lists = [listOf('5', [{ apiVersion: 'v1', kind: 'ConfigMap', metadata }])]
    const client = createClient({ transport: server.transport, fieldManager: 'test', userAgent: 'test' })
    const random = seededRandom(1)
    const informer = new Informer({ client, resource: CONFIG_MAP, clock, random, log: fakeLog() })
    metrics.watchInformer(informer)
    metrics.leads('adloom', true)
    informer.start()
    await clock.advance(3000)
    const first = await metrics.registry.metrics()
    const again = await metrics.registry.metrics()
    await informer.stop()
    for (const text of [first, again]) {
      expect(text).toContain('adloom_informer_objects{resource="configmaps"} 1')
      expect(text).toContain('adloom_informer_lists_total{resource="configmaps"} 1')
      expect(text).toContain('adloom_informer_error_events_total{resource="configmaps"} 0')
      expect(text).toContain('adloom_informer_last_event_age_seconds{resource="configmaps"} 3')
      expect(text).toContain('leader_election_master_status{name="adloom"} 1')
    }
  })
})

describe('the health server', () => {
  let server: HealthServer | undefined
  afterEach(() => server?.stop())

  it('listens on loopback, and says why when something is not well', async () => {
    const { registry } = new OperatorMetrics()
    const state = { problems: [] as string[], waitsFor: ['informer pods has not synced'] }
    server = await startHealthServer({
      port: 0,
      registry,
      problems: () => state.problems,
      waitsFor: () => state.waitsFor,
    })
    expect(new URL(server.url).hostname).toBe('127.0.0.1')
    const ask = async (path: string) => {
      const response = await fetch(`${server?.url}${path}`)
      return [response.status, await response.text()]
    }
    expect(await ask('/healthz')).toEqual([200, 'ok\n'])
    expect(await ask('/readyz')).toEqual([503, 'informer pods has not synced\n'])
    state.waitsFor = []
    state.problems = ['informer pods: 40 failures in a row', 'lost the lease']
    expect(await ask('/readyz')).toEqual([200, 'ok\n'])
    expect(await ask('/healthz')).toEqual([503, 'informer pods: 40 failures in a row\nlost the lease\n'])
    const [status, text] = await ask('/metrics')
    expect([status, String(text).includes('# TYPE workqueue_depth gauge')]).toEqual([200, true])
  })
})
