/** Lists of exposures that lack an entry, once the rows of all files are known: a list may lie in several. */
import type { Advertising } from '../../../../crds/advertising.ts'
import type { BadRowLog } from '../../bad-rows.ts'
import { type Database, toNumber } from '../../duckdb.ts'
import { openTable } from '../../readers/open-table.ts'
import { namingFile } from '../../readers/row-source.ts'
import type { SourceFile } from '../../source-files.ts'
import { goodRows, rowsOf } from './schema.ts'

const rows = rowsOf('exposures')

/**
 * Of each list that is not whole, the first position that no row can fill. A bad row takes its list along, unless another
 * row has its position: a list that is cut short would pass for one that was shown so. Where a bad row cannot say its
 * position, nobody knows how long the list was.
 */
const brokenLists =
  'WITH good AS (SELECT request, position, row_number() OVER (PARTITION BY request ORDER BY position) AS nth ' +
  `FROM ${goodRows('exposures')}), ` +
  'filled AS (SELECT request, count(*) AS count, coalesce(min(nth) FILTER (WHERE nth <> position), count(*) + 1) AS missing ' +
  'FROM good GROUP BY request), ' +
  'told AS (SELECT request, max(position) AS last, bool_or(position IS NULL OR position < 1) AS is_unplaced ' +
  `FROM ${rows} WHERE request IS NOT NULL GROUP BY request) ` +
  'SELECT request, missing, is_unplaced FROM filled JOIN told USING (request) WHERE is_unplaced OR count <> last'

const reason =
  `'position ' || position || ' of request "' || request || '", but ' || CASE WHEN is_unplaced ` +
  `THEN 'another row of it has no position' ELSE 'no position ' || missing END || '; lists must be whole'`

/** Marks the rows of such lists as bad, and tells them by file and line. @throws BadDataError */
export async function dropBrokenLists(
  database: Database,
  { format, delimiter }: NonNullable<Advertising['exposures']>,
  files: readonly SourceFile[],
  badRows: BadRowLog,
): Promise<void> {
  await database.run(`CREATE TABLE broken_lists AS ${brokenLists}`)
  const broken = `FROM ${rows} JOIN broken_lists USING (request) WHERE reason IS NULL`
  const counts = await database.rows(
    `SELECT file_index, count(*) AS count ${broken} GROUP BY file_index ORDER BY file_index`,
  )
  for (const { file_index, count } of counts) {
    const index = toNumber(file_index)
    const wanted = Math.max(1, badRows.wanted)
    const first = await database.rows(
      `SELECT row_number, ${reason} AS why ${broken} AND file_index = ${index} ORDER BY row_number LIMIT ${wanted}`,
    )
    const file = files[index]
    await namingFile(file, async () => {
      // Lines are known only of the file that was read last; what it rejects has been told.
      const source = await openTable(database, format, file, delimiter)
      await database.rows(`SELECT max(row_number) AS last FROM ${source.relation} WHERE NOT ${source.blank}`)
      const { lines } = await source.locate(
        first.map((row) => toNumber(row.row_number)),
        wanted,
      )
      badRows.add(
        toNumber(count),
        first.map(({ why }, place) => ({ file: file.name, line: lines[place], reason: String(why) })),
      )
    })
  }
  await database.run(
    `UPDATE ${rows} SET reason = 'list that is not whole' FROM broken_lists ` +
      `WHERE ${rows}.request = broken_lists.request AND ${rows}.reason IS NULL`,
  )
  await database.run('DROP TABLE broken_lists')
}
