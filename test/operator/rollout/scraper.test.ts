import { expect, onTestFinished, test } from 'vitest'
import { measureOnline, nextOnline } from '../../../operator/rollout/online.ts'
import { Scraper, type Target } from '../../../operator/rollout/scraper.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { fakeLog } from '../../support/fake-log.ts'

function start() {
  const clock = new FakeClock()
  const pods = new Map<string, { track: Target['track']; requests: number | Error | 'hangs' }>()
  const revisions = new Map<string, string>()
  const woken: string[] = []
  const asked: string[] = []
  const scraper = new Scraper({
    clock,
    log: fakeLog(),
    wake: (key) => woken.push(key),
    read: async (url, signal) => {
      asked.push(url)
      if (url.startsWith('http://prometheus'))
        return JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [0, '7'] } })
      const requests = pods.get(url)?.requests ?? new Error('gone')
      if (requests instanceof Error) throw requests
      if (requests === 'hangs')
        return await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
        )
      const provider = 'adloom_execution_provider_info{provider="CPU",wanted="CUDA"} 1'
      const settings = `adloom_auction_settings_info{revision="${revisions.get(url) ?? 'none'}"} 1`
      return `adloom_rank_requests_total{code="200"} ${requests}\n${provider}\n${settings}\n`
    },
  })
  onTestFinished(() => scraper.stop())
  const follow = () =>
    scraper.follow('ns/a', 5000, () => [...pods].map(([url, { track }]) => ({ uid: url, url, track })))
  const counted = () => {
    const window = scraper.window('ns/a', 'w')
    return window && [window.stable.counts.requests, window.canary.counts.requests, window.problem]
  }
  return { clock, pods, revisions, woken, asked, scraper, follow, counted }
}

test('counts grow from the moment a window is opened, summed over Pods that come, go and begin anew', async () => {
  const { clock, pods, follow, counted } = start()
  pods.set('a', { track: 'stable', requests: 1000 })
  pods.set('b', { track: 'stable', requests: 500 })
  follow()
  expect(counted()).toBeUndefined()
  await clock.advance(0)
  expect(counted()).toEqual([0, 0, undefined])
  pods.set('a', { track: 'stable', requests: 1010 })
  pods.set('c', { track: 'canary', requests: 5 })
  await clock.advance(5000)
  expect(counted()).toEqual([10, 5, undefined])
  pods.delete('b')
  pods.set('a', { track: 'stable', requests: 3 })
  pods.set('c', { track: 'canary', requests: 9 })
  await clock.advance(5000)
  expect(counted()).toEqual([13, 9, undefined])
})

test('a Pod that does not answer holds nobody up, and is told after a while', async () => {
  const { clock, pods, follow, counted } = start()
  pods.set('a', { track: 'stable', requests: 10 })
  pods.set('b', { track: 'canary', requests: 10 })
  follow()
  await clock.advance(0)
  expect(counted()).toEqual([0, 0, undefined])
  pods.set('a', { track: 'stable', requests: 30 })
  pods.set('b', { track: 'canary', requests: 'hangs' })
  await clock.advance(8000)
  expect(counted()).toEqual([20, 0, undefined])
  await clock.advance(20_000)
  expect(counted()).toEqual([20, 0, expect.stringContaining('no answer in 3000 ms')])
  pods.set('b', { track: 'canary', requests: 50 })
  await clock.advance(20_000)
  expect(counted()).toEqual([20, 40, undefined])
})

test('a query is asked once, and its answer wakes who asked', async () => {
  const { clock, woken, asked, scraper, follow } = start()
  follow()
  const query = { url: 'http://prometheus', query: 'q' }
  expect(scraper.ask('ns/a', 'first', query)).toBeUndefined()
  expect(scraper.ask('ns/a', 'first', query)).toBeUndefined()
  await clock.advance(0)
  expect(woken).toEqual(['ns/a'])
  expect(scraper.ask('ns/a', 'first', query)).toEqual({ value: 7 })
  expect(asked).toEqual(['http://prometheus/api/v1/query?query=q'])
})

test('what is followed no more is read no more', async () => {
  const { clock, pods, asked, scraper, follow } = start()
  pods.set('a', { track: 'stable', requests: 1 })
  follow()
  await clock.advance(5000)
  scraper.forget('ns/a')
  const before = asked.length
  await clock.advance(60_000)
  expect(asked.length).toBe(before)
  expect(clock.pendingTimers).toBe(0)
})

test('a faster pace begins at once', async () => {
  const { clock, pods, asked, scraper } = start()
  pods.set('a', { track: 'stable', requests: 1 })
  const targets = (): Target[] => [{ uid: 'a', url: 'a', track: 'stable' }]
  scraper.follow('ns/a', 30_000, targets)
  await clock.advance(1000)
  scraper.follow('ns/a', 5000, targets)
  await clock.advance(5000)
  expect(asked.length).toBe(3)
})

test('what stable does is told when it changes by more than noise', async () => {
  const { clock, pods, scraper, follow } = start()
  const minute = async (requests: number) => {
    pods.set('a', { track: 'stable', requests })
    await clock.advance(60_000)
    const window = scraper.window('ns/a', 'w')
    scraper.closeWindow('ns/a', 'w')
    scraper.window('ns/a', 'w')
    if (!window) throw new Error('no window')
    return measureOnline(window, {})
  }
  pods.set('a', { track: 'stable', requests: 0 })
  follow()
  await clock.advance(0)
  scraper.window('ns/a', 'w')
  const of = (observedAt: string) => ({ digest: 'model', observedAt })
  const first = nextOnline(undefined, await minute(6000), of('first'))
  expect(first).toEqual({
    requestsPerSecond: '100',
    errorRate: '0',
    uncertainty: { requestsPerSecond: '2.582', errorRate: '0.0003333' },
    digest: 'model',
    observedAt: 'first',
  })
  expect(nextOnline(first, await minute(12_300), of('second'))).toBe(first)
  expect(nextOnline(first, await minute(24_300), of('third'))).toMatchObject({
    requestsPerSecond: '200',
    observedAt: 'third',
  })
})

test('where Pods decode is known of those that are there', async () => {
  const { clock, pods, follow, scraper } = start()
  pods.set('a', { track: 'stable', requests: 1 })
  pods.set('b', { track: 'canary', requests: new Error('gone') })
  follow()
  expect(scraper.providers('ns/a')).toEqual([])
  await clock.advance(0)
  expect(scraper.providers('ns/a')).toEqual([{ provider: 'CPU', wanted: 'CUDA' }])
  pods.delete('a')
  await clock.advance(5000)
  expect(scraper.providers('ns/a')).toEqual([])
})

test('other settings of a Pod wake the reconciler, once', async () => {
  const { clock, pods, revisions, woken, scraper, follow } = start()
  pods.set('a', { track: 'stable', requests: 1 })
  revisions.set('a', 'aa')
  follow()
  expect(scraper.auctionSettings('ns/a', 'a')).toBeUndefined()
  await clock.advance(0)
  expect([scraper.auctionSettings('ns/a', 'a'), woken]).toEqual([{ revision: 'aa' }, ['ns/a']])
  await clock.advance(5000)
  expect(woken).toHaveLength(1)
  revisions.set('a', 'bb')
  await clock.advance(5000)
  expect([scraper.auctionSettings('ns/a', 'a'), woken.length]).toEqual([{ revision: 'bb' }, 2])
})
