import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContainerLog, readContainerLog } from '../../../operator/node/container-log.ts'
import { LogArchive } from '../../../operator/node/log-archive.ts'
import { makePod, temporaryDirectory, textOf } from './support.ts'

const bytes = (text: string) => Buffer.from(text)

describe('a container log', () => {
  it('keeps the end when it rotates', async () => {
    const file = join(await temporaryDirectory(), '0.log')
    const log = new ContainerLog(file, 10)
    for (const line of ['aaaa\n', 'bbbb\n', 'cccc\n', 'dddd\n', 'eeee\n']) log.write(bytes(line))
    log.close()
    expect(await textOf(readContainerLog(file))).toBe('cccc\ndddd\neeee\n')
    expect(await textOf(readContainerLog(file, { tailLines: 2 }))).toBe('dddd\neeee\n')
  })

  it('gives the last lines as splitting the whole would', async () => {
    const directory = await temporaryDirectory()
    let serial = 0
    const line = fc.string({ maxLength: 5, unit: fc.constantFrom('a', 'b', '\n') })
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.nat(6), async (chunks, tailLines) => {
        const log = new ContainerLog(join(directory, `${serial++}.log`), 20)
        for (const chunk of chunks) log.write(bytes(chunk))
        log.close()
        const whole = await textOf(readContainerLog(log.file))
        const lines = whole.match(/[^\n]*\n|[^\n]+$/g) ?? []
        const wanted = tailLines === 0 ? '' : lines.slice(-tailLines).join('')
        expect(await textOf(readContainerLog(log.file, { tailLines }))).toBe(wanted)
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['as it grows', 20],
    ['two rotations later', 0],
  ])('is followed over rotations %s, until it closes', async (_, milliseconds) => {
    const file = join(await temporaryDirectory(), '0.log')
    const log = new ContainerLog(file, 8)
    log.write(bytes('one\n'))
    const reading = readContainerLog(file, { follow: log })
    const first = await reading.next()
    expect(Buffer.from(first.value ?? []).toString()).toBe('one\n')
    const rest = textOf(reading)
    for (const line of ['two\n', 'three\n', 'four\n']) {
      log.write(bytes(line))
      if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds))
    }
    log.close()
    expect(await rest).toBe('two\nthree\nfour\n')
  })

  it('stops being followed when the reader has had enough', async () => {
    const log = new ContainerLog(join(await temporaryDirectory(), '0.log'), 100)
    const enough = new AbortController()
    const rest = textOf(readContainerLog(log.file, { follow: log, signal: enough.signal }))
    log.write(bytes('one\n'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    enough.abort()
    expect(await rest).toBe('one\n')
    log.close()
  })
})

describe('the log archive', () => {
  const settings = { maxBytesPerRun: 100, runsKept: 2, deletedPodsKept: 1 }
  const pod = (name: string, uid: string) => {
    const made = makePod(name, [])
    made.metadata.uid = uid
    return made
  }
  const write = (archive: LogArchive, uid: string, container: string, run: number, text: string) => {
    const log = archive.open(pod('web', uid), container, run)
    log.write(bytes(text))
    log.close()
  }
  const read = (archive: LogArchive, more: { container?: string; previous?: boolean; pod?: string } = {}) =>
    textOf(archive.read({ namespace: 'default', pod: 'web', ...more }, () => undefined))

  it('tells runs, containers and Pods apart', async () => {
    const directory = await temporaryDirectory()
    const archive = new LogArchive(directory, settings)
    for (const run of [0, 1, 2]) write(archive, 'u1', 'main', run, `run ${run}`)
    expect(await read(archive)).toBe('run 2')
    expect(await read(archive, { previous: true })).toBe('run 1')
    expect(readdirSync(join(directory, 'default_web_u1', 'main')).sort()).toEqual(['1.log', '2.log'])
    write(archive, 'u1', 'side', 0, 'beside')
    await expect(read(archive)).rejects.toThrow(/one of: main, side/)
    expect(await read(archive, { container: 'side' })).toBe('beside')
    await expect(read(archive, { container: 'side', previous: true })).rejects.toThrow(/no previous run/)
    await expect(read(archive, { pod: 'we' })).rejects.toThrow(/has no log on this node/)
  })

  it('forgets all but some of the Pods that are gone', async () => {
    const directory = await temporaryDirectory()
    const archive = new LogArchive(directory, settings)
    for (const uid of ['u1', 'u2', 'u3']) write(archive, uid, 'main', 0, uid)
    archive.prune([pod('web', 'u2')])
    const left = readdirSync(directory)
    expect(left).toContain('default_web_u2')
    expect(left).toHaveLength(2)
  })
})
