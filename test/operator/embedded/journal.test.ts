import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type JournalFiles, openJournal, realFiles } from '../../../operator/embedded/journal.ts'
import type { ApiObject } from '../../../operator/embedded/json.ts'
import { Store, type StoreOptions } from '../../../operator/embedded/store.ts'

function thing(name: string, text = ''): ApiObject {
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, uid: name }, text }
}

describe('the journal', () => {
  let directory: string
  let journalFile: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'adloom-journal-'))
    journalFile = join(directory, 'journal.jsonl')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const state = (store: Store) => ({ revision: store.revision, things: store.list('x/things') })
  async function written(options: StoreOptions, write: (store: Store) => void) {
    const store = new Store({ directory, ...options })
    write(store)
    await store.synced()
    const result = state(store)
    await store.close()
    return result
  }

  it('gives a new server the same objects, and versions go on rising', async () => {
    const before = await written({}, (store) => {
      store.commit('ADDED', 'x/things', thing('a'))
      store.commit('ADDED', 'x/things', thing('b'))
      store.commit('MODIFIED', 'x/things', thing('a', 'changed'))
      store.commit('DELETED', 'x/things', thing('b'))
    })
    const store = new Store({ directory })
    expect(state(store)).toEqual(before)
    expect(store.commit('ADDED', 'x/things', thing('c')).metadata.resourceVersion).toBe('5')
    expect(store.since(2)?.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['MODIFIED', 'a'],
      ['DELETED', 'b'],
      ['ADDED', 'c'],
    ])
    await store.close()
  })

  it('is cut off where the last write was torn, at whatever byte', async () => {
    await written({}, (store) => store.commit('ADDED', 'x/things', thing('a')))
    const whole = readFileSync(journalFile)
    await written({}, (store) => store.commit('ADDED', 'x/things', thing('b')))
    const both = readFileSync(journalFile)
    for (let length = whole.length; length < both.length; length += 7) {
      writeFileSync(journalFile, both.subarray(0, length))
      const notes: string[] = []
      const store = new Store({ directory, log: (note) => notes.push(note) })
      expect(state(store)).toMatchObject({ revision: 1, things: [{ metadata: { name: 'a' } }] })
      expect(notes).toHaveLength(length === whole.length ? 0 : 1)
      store.commit('ADDED', 'x/things', thing('c'))
      await store.close()
      expect(state(new Store({ directory })).things.map(({ metadata }) => metadata.name)).toEqual(['a', 'c'])
    }
  })

  it('is refused with file, line and remedy when damaged before its end', async () => {
    await written({}, (store) => {
      for (const name of ['a', 'b', 'c']) store.commit('ADDED', 'x/things', thing(name))
    })
    const text = readFileSync(journalFile, 'utf8')
    writeFileSync(journalFile, text.replace('"name":"b"', '"name":"x"'))
    expect(() => new Store({ directory })).toThrow(`${journalFile}:2: the line is damaged, though line 3 is readable`)
    expect(() => new Store({ directory })).toThrow('head -n 1')
    expect(statSync(journalFile).size).toBe(text.length)
  })

  it('refuses a write that the disk does not take, and changes nothing', async () => {
    let full = false
    const files: JournalFiles = {
      ...realFiles,
      append(descriptor, bytes) {
        if (!full) return realFiles.append(descriptor, bytes)
        realFiles.append(descriptor, bytes.subarray(0, bytes.length / 2))
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      },
    }
    const store = new Store({ directory, files })
    store.commit('ADDED', 'x/things', thing('a'))
    const before = state(store)
    const heard: unknown[] = []
    store.subscribe((event) => heard.push(event))
    full = true
    expect(() => store.commit('MODIFIED', 'x/things', thing('a', 'lost'))).toThrow('the write was not stored: ENOSPC')
    expect([state(store), heard]).toEqual([before, []])
    full = false
    store.commit('ADDED', 'x/things', thing('b'))
    await store.close()
    const again = new Store({ directory })
    expect(state(again).things.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
    await again.close()
  })

  it('takes no write any more after a failed fsync', async () => {
    const files: JournalFiles = { ...realFiles, sync: () => Promise.reject(new Error('EIO')) }
    const store = new Store({ directory, files })
    store.commit('ADDED', 'x/things', thing('a'))
    await expect(store.synced()).rejects.toThrow('could not be brought to the disk; restart')
    expect(() => store.commit('ADDED', 'x/things', thing('b'))).toThrow('restart the API server')
    await store.close()
  })

  it('shares one fsync among the writes that wait for it', async () => {
    let syncs = 0
    const files: JournalFiles = {
      ...realFiles,
      sync: (descriptor) => {
        syncs++
        return realFiles.sync(descriptor)
      },
    }
    const store = new Store({ directory, files })
    const waits: Promise<void>[] = []
    for (let number = 0; number < 100; number++) {
      store.commit('ADDED', 'x/things', thing(`t${number}`))
      waits.push(store.synced())
    }
    await Promise.all(waits)
    expect(syncs).toBeLessThanOrEqual(2)
    await store.close()
  })

  it('becomes a snapshot when it has grown', async () => {
    const text = 'x'.repeat(1024 * 1024)
    const before = await written({}, (store) => {
      for (let number = 0; number < 12; number++) {
        store.commit(number === 0 ? 'ADDED' : 'MODIFIED', 'x/things', thing('a', text + number))
      }
      store.commit('ADDED', 'x/things', thing('b'))
    })
    expect(statSync(journalFile).size).toBeLessThan(6 * 1024 * 1024)
    expect(statSync(join(directory, 'snapshot.jsonl')).size).toBeGreaterThan(1024 * 1024)
    const store = new Store({ directory })
    expect(state(store)).toEqual(before)
    expect(store.since(1)).toBeUndefined()
    expect(store.since(store.revision)).toEqual([])
    await store.close()
  })

  it('that was not emptied after its snapshot doubles nothing', async () => {
    const before = await written({}, (store) => {
      for (const name of ['a', 'b']) store.commit('ADDED', 'x/things', thing(name))
    })
    const { journal } = openJournal(directory)
    const lines = readFileSync(journalFile)
    journal.compact(
      before.revision,
      before.things.map((object) => ({ resource: 'x/things', object })),
    )
    await journal.close()
    expect(statSync(journalFile).size).toBe(0)
    writeFileSync(journalFile, lines)
    const store = new Store({ directory })
    expect(state(store)).toEqual(before)
    expect(store.oldestRevision).toBe(before.revision)
    await store.close()
  })

  it('a snapshot that is cut short is refused', async () => {
    writeFileSync(join(directory, 'snapshot.jsonl'), '["00000000",{}]\n')
    expect(() => new Store({ directory })).toThrow('snapshot.jsonl:1')
    appendFileSync(join(directory, 'snapshot.jsonl'), 'x')
    expect(() => new Store({ directory })).toThrow('snapshot.jsonl:1')
  })
})
