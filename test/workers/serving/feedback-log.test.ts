import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { FeedbackStream } from '../../../crds/events.ts'
import { openLogStore } from '../../../workers/artifacts/log-store.ts'
import { FeedbackLog, type FeedbackLogOptions } from '../../../workers/serving/feedback-log.ts'
import { systemTimers } from '../../../workers/serving/main.ts'

const prefix = 'feedback/shop/feed'
const never = new AbortController().signal

async function folders() {
  const folder = await mkdtemp(join(tmpdir(), 'feedback-log-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return { root: join(folder, 'store'), spool: join(folder, 'spool') }
}

async function scene(changed: Partial<FeedbackLogOptions> = {}, given?: Awaited<ReturnType<typeof folders>>) {
  const { root, spool } = given ?? (await folders())
  const seen = { dropped: [] as [FeedbackStream, number][], published: [] as FeedbackStream[], failed: [] as unknown[] }
  const log = new FeedbackLog({
    spool,
    store: openLogStore(root),
    prefix,
    writer: 'pod-1',
    rotateSeconds: 3600,
    maxFileBytes: 1_000_000,
    maxQueueLength: 1000,
    timers: systemTimers,
    now: () => Date.parse('2026-11-28T03:15:00.123Z'),
    events: {
      onDropped: (stream, count) => seen.dropped.push([stream, count]),
      onPublished: (stream) => seen.published.push(stream),
      onPublishFailed: (error) => seen.failed.push(error),
      onWriteFailed: (error) => seen.failed.push(error),
    },
    ...changed,
  })
  await log.start()
  const click = (index: number) => log.append({ stream: 'clicks', content: () => ({ index }) })
  return { log, seen, root, spool, click }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** What a Dataset would read. */
async function published(root: string): Promise<number[]> {
  const texts = await Promise.all((await filesBelow(join(root, prefix))).map((path) => readFile(path, 'utf8')))
  expect(texts.every((text) => text.endsWith('\n'))).toBe(true)
  return texts
    .flatMap((text) => text.trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as { index: number }).index)
    .sort((a, b) => a - b)
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

it('what was appended is in the store once the log has stopped, in files by stream and day, none of them twice', async () => {
  const { log, root, spool, seen, click } = await scene()
  for (const index of upTo(600)) expect(click(index)).toBe(true)
  log.append({ stream: 'requests', content: () => ({ index: 600 }) })
  await log.stop(never)
  expect(await published(root)).toEqual(upTo(601))
  const names = (await filesBelow(join(root, prefix))).map((path) => path.slice(join(root, prefix).length + 1))
  expect(names).toEqual([
    expect.stringMatching(/^clicks\/2026-11-28\/031500123-pod-1-[0-9a-f]{8}\.jsonl$/),
    expect.stringMatching(/^requests\/2026-11-28\/031500123-pod-1-[0-9a-f]{8}\.jsonl$/),
  ])
  expect(await filesBelow(spool)).toEqual([])
  expect(seen).toEqual({ dropped: [], published: expect.arrayContaining(['clicks', 'requests']), failed: [] })
})

it('a file is published when it is large, and when it is old, while the log goes on', async () => {
  const large = await scene({ maxFileBytes: 100 })
  for (const index of upTo(50)) large.click(index)
  await vi.waitUntil(async () => (await published(large.root)).length > 0, { timeout: 30_000 })
  const old = await scene({ rotateSeconds: 0.1 })
  old.click(0)
  await vi.waitUntil(async () => (await published(old.root)).length === 1, { timeout: 30_000 })
  old.click(1)
  await vi.waitUntil(async () => (await published(old.root)).length === 2, { timeout: 30_000 })
  await Promise.all([large.log.stop(never), old.log.stop(never)])
})

it('what there is no room for is dropped and counted, and so is everything after the end', async () => {
  const { log, root, seen, click } = await scene({ maxQueueLength: 3 })
  expect(upTo(5).map(click)).toEqual([true, true, true, false, false])
  expect(log.room).toBe(0)
  await vi.waitUntil(() => log.length === 0, { timeout: 30_000 })
  expect(click(5)).toBe(true)
  await log.stop(never)
  expect(click(6)).toBe(false)
  expect(await published(root)).toEqual([0, 1, 2, 5])
  expect(seen.dropped).toEqual([
    ['clicks', 1],
    ['clicks', 1],
    ['clicks', 1],
  ])
})

it('a store that is away loses nothing: the file is put there when it is back', async () => {
  const given = await folders()
  const real = openLogStore(given.root)
  let away = true
  const store: FeedbackLogOptions['store'] = {
    publish: (key, file) => (away ? Promise.reject(new Error('away')) : real.publish(key, file)),
  }
  const { log, seen, click, root } = await scene({ store, maxFileBytes: 1 }, given)
  click(0)
  await vi.waitUntil(() => seen.failed.length > 0, { timeout: 30_000 })
  expect(await published(root)).toEqual([])
  away = false
  await log.stop(never)
  expect(await published(root)).toEqual([0])
})

it('an end that the store does not allow leaves the files to the next process', async () => {
  const given = await folders()
  const store: FeedbackLogOptions['store'] = { publish: () => new Promise(() => {}) }
  const first = await scene({ store }, given)
  first.click(0)
  await first.log.stop(AbortSignal.timeout(50))
  expect(await published(given.root)).toEqual([])
  const second = await scene({}, given)
  await second.log.stop(never)
  expect(await published(given.root)).toEqual([0])
})

it('what a killed process left is published without the line that it did not finish', async () => {
  const given = await folders()
  const path = join(given.spool, 'clicks/2026-11-27/235959999-pod-1-00000000.jsonl')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(
    path,
    upTo(30_000)
      .map((index) => `{"index":${index}}\n`)
      .join(''),
  )
  await appendFile(path, `{"index":"${'x'.repeat(200_000)}`)
  await writeFile(join(given.spool, 'clicks/2026-11-27/torn.jsonl'), '{"ind')
  const { log, seen } = await scene({}, given)
  await log.stop(never)
  expect(await published(given.root)).toEqual(upTo(30_000))
  expect([await filesBelow(given.spool), seen.published]).toEqual([[], ['clicks']])
})

it('a disk that refuses costs the records of that write, which are counted', async () => {
  const given = await folders()
  const { log, seen, click } = await scene({}, given)
  await writeFile(join(given.spool, 'clicks'), 'a file where a folder should be')
  click(0)
  await vi.waitUntil(() => seen.dropped.length > 0, { timeout: 30_000 })
  await rm(join(given.spool, 'clicks'))
  click(1)
  await log.stop(never)
  expect([await published(given.root), seen.dropped, seen.failed.length]).toEqual([[1], [['clicks', 1]], 1])
})
