import { expect, test } from 'vitest'
import { keepFeedback } from '../../../workers/serving/feedback-retention.ts'

const hour = 3_600_000

function scene(removeDays: (folder: string, before: string) => Promise<string[]>) {
  const pending: { milliseconds: number; run: () => void }[] = []
  const seen = { removed: [] as string[], failed: [] as unknown[] }
  const clock = { now: Date.parse('2026-11-28T23:30:00Z') }
  const end = keepFeedback({
    store: { removeDays },
    prefix: 'feedback/shop/feed',
    retentionDays: 7,
    timers: {
      monotonic: () => clock.now,
      after: (milliseconds, run) => {
        const timer = { milliseconds, run }
        pending.push(timer)
        return () => void pending.splice(pending.indexOf(timer), 1)
      },
    },
    now: () => clock.now,
    onRemoved: (stream, days) => seen.removed.push(`${stream} ${days.join()}`),
    onFailed: (error) => seen.failed.push(error),
  })
  return { pending, seen, clock, end }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what is older than the days that are kept goes, of every stream, at the start and once an hour', async () => {
  const asked: string[] = []
  const { pending, seen, clock, end } = scene(async (folder, before) => {
    asked.push(`${folder} ${before}`)
    return folder.endsWith('clicks') ? ['2026-11-20'] : []
  })
  await turn()
  expect(asked).toContain('feedback/shop/feed/requests 2026-11-21')
  expect(seen.removed).toEqual(['clicks 2026-11-20'])
  expect(pending.map(({ milliseconds }) => milliseconds)).toEqual([hour])
  clock.now += hour
  pending.shift()?.run()
  await turn()
  expect(asked).toContain('feedback/shop/feed/requests 2026-11-22')
  end()
  expect(pending).toEqual([])
})

test('a store that is away is asked again an hour later', async () => {
  const away = new Error('away')
  const { pending, seen } = scene(() => Promise.reject(away))
  await turn()
  expect(seen.failed).toEqual([away])
  expect(pending.length).toBe(1)
})
