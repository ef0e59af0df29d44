// The mechanism as a policy beside the one that filled the log.

import type { PropensityMeaning } from '../../../crds/advertising.ts'
import { type ListInteraction, type LoggedActions, rowsOfLists } from '../off-policy/logged-actions.ts'
import { judgedColumn } from './outcomes.ts'
import { columnOf, rowCount, type Table } from './table.ts'

/**
 * By what the log's propensities are: the probability of the logged entry under the mechanism has to be that of the same
 * event. Whatever stands above, an entry is weighed by itself; given what stands above, by all down to it.
 */
export const interactionOf: Readonly<Record<PropensityMeaning, ListInteraction>> = {
  Marginal: 'Independent',
  GivenBefore: 'Sequential',
}

export interface PolicyTables {
  readonly logged: Table
  readonly outcomes: Table
  /** [requests], what is drawn together. */
  readonly clusters: Uint32Array
  readonly propensities: PropensityMeaning
  /** [items + 1], those of an item next to each other; absent where the market has none. */
  readonly creativeOffsets?: Uint32Array | undefined
}

export interface PolicyActions {
  readonly actions: LoggedActions & Required<Pick<LoggedActions, 'expected'>>
  /** Entries of the log in slots that the lists of the mechanism leave empty. */
  readonly beyondOwn: number
  /** Entries without a propensity, or below such a one where propensities multiply. */
  readonly untold: number
  /** Entries whose creative the mechanism left open. */
  readonly evenCreatives: number
}

interface OwnEntry {
  readonly item: number
  readonly creative: number
  readonly click: number
}

/**
 * The mechanism shows the list of `outcomes` and no other. Where it chooses no creative for an item that the log shows
 * in one, it is the policy that shows each creative of the item equally often: the propensity is that of the item with
 * its creative, so the mechanism has to have a probability of both.
 *
 * Entries where the list of the mechanism has ended are left out: it makes no impression there, and clicks are counted by
 * impression. Clicks are the rewards, those that the model expects of the logged and of the own entry are the estimate
 * of DR.
 */
export function policyActions(tables: PolicyTables): PolicyActions {
  const { logged, clusters, propensities, creativeOffsets } = tables
  const own = entriesBySlot(tables.outcomes)
  const [request, slot, item, creative, propensity, click, clicked] = [
    'request',
    'slot',
    'item',
    'creative',
    'propensity',
    'click',
    'clicked',
  ].map((name) => columnOf(logged, name))
  const isOpen = (row: number, entry: OwnEntry): boolean => creative[row] >= 0 && entry.creative < 0
  const probability = (row: number, entry: OwnEntry): number => {
    if (entry.item !== item[row]) return 0
    if (isOpen(row, entry)) return 1 / creativesOf(entry.item, creativeOffsets)
    return Number(creative[row] < 0 || entry.creative === creative[row])
  }
  const rows: { readonly row: number; readonly own: OwnEntry }[] = []
  const starts: number[] = []
  let [beyondOwn, untold, evenCreatives] = [0, 0, 0]
  let isBroken = false
  for (let row = 0; row < rowCount(logged); row++) {
    const isFirst = row === 0 || request[row] !== request[row - 1]
    const entry = own.get(`${request[row]}/${slot[row]}`)
    isBroken = Number.isNaN(propensity[row]) || (isBroken && !isFirst && propensities === 'GivenBefore')
    if (entry === undefined) beyondOwn++
    if (isBroken) untold++
    if (entry === undefined || isBroken) continue
    if (rows.length === 0 || request[row] !== request[rows[rows.length - 1].row]) starts.push(rows.length)
    rows.push({ row, own: entry })
    if (entry.item === item[row] && isOpen(row, entry)) evenCreatives++
  }
  const column = (of: (row: number, own: OwnEntry) => number) =>
    Float64Array.from(rows, ({ row, own: entry }) => of(row, entry))
  const lists = {
    offsets: Uint32Array.from([...starts, rows.length]),
    user: Uint32Array.from(starts, (start) => clusters[request[rows[start].row]]),
    reward: column((row) => clicked[row]),
    logging: column((row) => propensity[row]),
    target: column(probability),
    expected: { logged: column((row) => click[row]), target: column((_, entry) => entry.click) },
  }
  const actions = { expected: lists.expected, ...rowsOfLists(lists, interactionOf[propensities]) }
  return { actions, beyondOwn, untold, evenCreatives }
}

/** Of an item that the log shows in one of them. */
const creativesOf = (item: number, offsets: Uint32Array | undefined): number =>
  offsets === undefined ? 1 : Math.max(1, offsets[item + 1] - offsets[item])

function entriesBySlot(outcomes: Table): Map<string, OwnEntry> {
  const [request, slot, item, creative] = ['request', 'slot', 'item', 'creative'].map((name) =>
    columnOf(outcomes, name),
  )
  const click = columnOf(outcomes, judgedColumn('Model', 'click'))
  return new Map(
    Array.from(
      request,
      (place, row) =>
        [`${place}/${slot[row]}`, { item: item[row], creative: creative[row], click: click[row] }] as const,
    ),
  )
}
