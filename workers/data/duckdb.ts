/** A DuckDB that sees the data set's own folders and nothing else, and spills into the job's scratch folder. */
import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'

export interface DatabaseOptions {
  /** Folders whose files may be read. */
  folders: readonly string[]
  /** The job's scratch folder; what is larger than memory goes there. */
  scratch: string
  threads: number
  memoryLimitMegabytes: number
  signal?: AbortSignal
}

export type Row = Record<string, DuckDBValue>

export interface Database {
  run(sql: string): Promise<void>
  /** All rows of a small result. */
  rows(sql: string): Promise<Row[]>
  /** Chunks of at most 2048 rows of a result of any size. */
  stream(sql: string): AsyncGenerator<DuckDBDataChunk>
  connection: DuckDBConnection
  /** Ends everything and removes what lay in the scratch folder. */
  close(): Promise<void>
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  options.signal?.throwIfAborted()
  const home = join(options.scratch, `duckdb-${randomUUID()}`)
  await mkdir(home, { recursive: true })
  // Tables beyond the memory limit spill too; a database file would be flushed to disk at every statement.
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: `${options.memoryLimitMegabytes}MB`,
    temp_directory: home,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await instance.connect()
  const interrupt = (): void => connection.interrupt()
  options.signal?.addEventListener('abort', interrupt)
  const close = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', interrupt)
    connection.closeSync()
    instance.closeSync()
    await rm(home, { recursive: true, force: true })
  }
  try {
    // Dates without a zone are UTC on every machine.
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(`SET allowed_directories = [${options.folders.map(literal).join(', ')}]`)
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
  } catch (error) {
    await close()
    throw error
  }
  return { ...queries(connection, options.signal), connection, close }
}

function queries(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
): Pick<Database, 'run' | 'rows' | 'stream'> {
  /** An interrupted query fails with DuckDB's own error; the caller wants to see that it was cancelled. */
  const cancellable = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  }
  return {
    run: async (sql) => {
      signal?.throwIfAborted()
      await cancellable(connection.run(sql))
    },
    rows: async (sql) => {
      signal?.throwIfAborted()
      return (await cancellable(connection.runAndReadAll(sql))).getRowObjects()
    },
    async *stream(sql) {
      const result = await cancellable(connection.stream(sql))
      for (;;) {
        signal?.throwIfAborted()
        const chunk = await cancellable(result.fetchChunk())
        if (!chunk || chunk.rowCount === 0) return
        yield chunk
      }
    },
  }
}

/** A SQL string. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A SQL name. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** DuckDB's counts are 64-bit. @throws RangeError beyond 2^53 */
export function toNumber(value: DuckDBValue | undefined): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) && typeof value === 'bigint') throw new RangeError(`${value} is beyond 2^53`)
  return number
}
