import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { identifier, literal, openDatabase } from '../../../workers/data/duckdb.ts'
import { temporaryFolder } from '../artifacts/support.ts'

async function database(options: { memoryLimitMegabytes?: number; signal?: AbortSignal } = {}) {
  const folder = await temporaryFolder()
  const scratch = await temporaryFolder()
  await writeFile(join(folder, 'a.csv'), 'x\n1\n')
  const opened = await openDatabase({ folders: [folder], scratch, threads: 2, memoryLimitMegabytes: 200, ...options })
  onTestFinished(() => opened.close())
  return { opened, folder, scratch }
}

describe('the locked database', () => {
  test('reads its own folder and no other', async () => {
    const { opened, folder } = await database()
    expect(await opened.rows(`SELECT count(*) AS n FROM read_csv(${literal(join(folder, 'a.csv'))})`)).toEqual([
      { n: 1n },
    ])
    const outside = await temporaryFolder()
    await writeFile(join(outside, 'b.csv'), 'x\n1\n')
    for (const path of [
      join(outside, 'b.csv'),
      '/etc/passwd',
      join(folder, '..', 'b.csv'),
      join(folder, '../../etc/passwd'),
    ]) {
      await expect(opened.rows(`SELECT * FROM read_csv(${literal(path)})`)).rejects.toThrow('disabled by configuration')
      await expect(opened.rows(`SELECT * FROM read_text(${literal(path)})`)).rejects.toThrow(
        'disabled by configuration',
      )
    }
  })

  test('writes nowhere outside, loads nothing, attaches nothing', async () => {
    const { opened } = await database()
    const outside = await temporaryFolder()
    for (const sql of [
      `COPY (SELECT 1) TO '${outside}/x'`,
      `ATTACH '${outside}/x.db'`,
      `EXPORT DATABASE '${outside}'`,
      'INSTALL httpfs',
      'LOAD httpfs',
    ]) {
      await expect(opened.run(sql)).rejects.toThrow()
    }
    await expect(opened.rows("SELECT * FROM 'https://127.0.0.1/x.parquet'")).rejects.toThrow()
    expect(await readdir(outside)).toEqual([])
  })

  test('cannot be unlocked', async () => {
    const { opened } = await database()
    for (const setting of [
      'enable_external_access = true',
      "allowed_directories = ['/']",
      'lock_configuration = false',
    ]) {
      await expect(opened.run(`SET ${setting}`)).rejects.toThrow('locked')
    }
  })

  test('sorts what is larger than its memory, and leaves nothing in the scratch folder', async () => {
    const { opened, scratch } = await database({ memoryLimitMegabytes: 40 })
    // 1.2 million rows of some 60 bytes: almost twice the memory limit.
    const [row] = await opened.rows(
      'SELECT count(*) AS n, sum(CAST(h < before AS INT)) AS falling FROM ' +
        '(SELECT h, lag(h) OVER (ORDER BY h) AS before FROM (SELECT md5(CAST(i AS VARCHAR)) AS h FROM range(1200000) t(i)))',
    )
    expect(row).toMatchObject({ n: 1_200_000n, falling: 0n })
    await opened.close()
    expect(await readdir(scratch)).toEqual([])
  })

  test('is interrupted by its signal', async () => {
    const controller = new AbortController()
    const { opened } = await database({ signal: controller.signal })
    const endless = opened.rows('SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3')
    setTimeout(() => controller.abort(new Error('suspended')), 20)
    await expect(endless).rejects.toThrow('suspended')
    await expect(opened.run('SELECT 1')).rejects.toThrow('suspended')
  })
})

test('literals and identifiers cannot be left', async () => {
  const { opened } = await database()
  const text = `it's "quoted"; -- \\'`
  expect(await opened.rows(`SELECT ${literal(text)} AS ${identifier('a"b')}`)).toEqual([{ 'a"b': text }])
})
