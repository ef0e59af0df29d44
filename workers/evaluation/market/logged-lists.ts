// The lists of the log beside those of the mechanism: is its pCTR right about what was shown, and what would its lists
// have earned?

import type { Exposures, Market } from '../../data/market/market.ts'
import type { GroupMetric, MetricGroup } from '../metric-group.ts'
import type { LoggedActions } from '../off-policy/logged-actions.ts'
import { calibrationBins, calibrationColumns } from './calibration.ts'
import type { JudgeLists, RankedList } from './judge.ts'
import { addCalibrationMetric } from './outcome-metrics.ts'
import { judgedColumn } from './outcomes.ts'
import type { MarketRequest } from './requests.ts'
import { appendRow, columnOf, emptyTable, rowCount, type Table } from './table.ts'

/**
 * A row an exposed entry. `click`, `conversion`: chances as the model has them (the latter given the click); `clicked`,
 * `converted`: what happened, the latter of clicks only; NaN where the log does not tell.
 */
export const loggedTable = (): Table =>
  emptyTable(['request', 'slot', 'item', 'creative', 'propensity', 'click', 'clicked', 'conversion', 'converted'])

/** The reward model that is asked of the lists of the log. */
export interface LogScorer {
  readonly judge: JudgeLists
  /** Of the longest list that it scores. */
  readonly slots: number
}

/**
 * Appends what was exposed to these requests; `first` is the place of the first of them in the sample. Entries beyond
 * the slots of the scorer are left out, as they were in its training: it has no place for them.
 */
export async function appendLogged(
  table: Table,
  { judge, slots }: LogScorer,
  market: Market,
  requests: readonly MarketRequest[],
  first: number,
): Promise<void> {
  const exposed = market.requests?.exposed
  if (exposed === undefined) return
  const lists = requests.map((request) => exposedList(exposed, request, slots))
  const judged = await judge(lists)
  requests.forEach(({ index }, place) => {
    const { click, conversion } = judged[place]
    const start = exposed.offsets[index]
    for (let slot = 0; slot < lists[place].items.length; slot++) {
      const entry = start + slot
      appendRow(table, {
        request: first + place,
        slot,
        item: exposed.item[entry],
        creative: exposed.creative[entry],
        propensity: exposed.propensity?.[entry] ?? Number.NaN,
        click: click[slot],
        clicked: exposed.click[entry],
        conversion: conversion?.[slot] ?? Number.NaN,
        // A conversion is a question only where there was a click.
        converted: exposed.click[entry] === 1 ? (exposed.conversion?.[entry] ?? Number.NaN) : Number.NaN,
      })
    }
  })
}

function exposedList(
  { offsets, item, ad, creative }: Exposures,
  { index, user, auction }: MarketRequest,
  slots: number,
): RankedList {
  const start = offsets[index]
  const end = Math.min(offsets[index + 1], start + slots)
  return {
    request: auction,
    user,
    items: item.subarray(start, end),
    // As it was shown: an ad stays one where the eligible ads of the request lack it.
    ads: ad.subarray(start, end),
    creatives: creative.subarray(start, end),
  }
}

/** Calibration of the model on what was shown to others' taste: no choice of its own, hence no winner's curse. */
export function loggedGroup(table: Table, clusters: Uint32Array): MetricGroup {
  const columns = new Map<string, Float64Array>()
  const metrics: GroupMetric[] = []
  const add = (name: string, predicted: string, observed: string): void => {
    const [from, to, request] = [predicted, observed, 'request'].map((column) => columnOf(table, column))
    const known = Array.from(from.keys()).filter((row) => !Number.isNaN(from[row]) && !Number.isNaN(to[row]))
    const pick = (values: Float64Array): Float64Array => Float64Array.from(known, (row) => values[row])
    const pairs = { predicted: pick(from), observed: pick(to) }
    const parts = calibrationColumns(pairs, pick(request), clusters.length, calibrationBins)
    addCalibrationMetric({ columns, metrics }, name, parts)
  }
  add('Logged/ECE', 'click', 'clicked')
  add('Logged/ConversionECE', 'conversion', 'converted')
  return { clusters, columns, metrics }
}

/**
 * The mechanism as a policy: it shows the list of `outcomes` and no other, so that a logged entry counts where that list
 * has the same item in the same slot, and the same creative where the log tells one: the propensity is then that of the
 * item with its creative. Entries without a propensity are left out. Clicks are the rewards, those that the
 * model expects of the logged and of the own entry are the estimate of DR.
 */
export function loggedActions(logged: Table, outcomes: Table, clusters: Uint32Array): Required<LoggedActions> {
  const own = entriesBySlot(outcomes)
  const [request, slot, item, creative, propensity, click, clicked] = [
    'request',
    'slot',
    'item',
    'creative',
    'propensity',
    'click',
    'clicked',
  ].map((name) => columnOf(logged, name))
  const rows = Array.from({ length: rowCount(logged) }, (_, row) => row).filter((row) => !Number.isNaN(propensity[row]))
  const ownAt = (row: number) => own.get(`${request[row]}/${slot[row]}`)
  const isOwn = (row: number): boolean => {
    const entry = ownAt(row)
    return entry?.item === item[row] && (creative[row] < 0 || entry.creative === creative[row])
  }
  return {
    user: Uint32Array.from(rows, (row) => clusters[request[row]]),
    reward: Float64Array.from(rows, (row) => clicked[row]),
    logging: Float64Array.from(rows, (row) => propensity[row]),
    target: Float64Array.from(rows, (row) => Number(isOwn(row))),
    expected: {
      logged: Float64Array.from(rows, (row) => click[row]),
      // Where the own list has no entry there is nothing to click.
      target: Float64Array.from(rows, (row) => ownAt(row)?.click ?? 0),
    },
  }
}

function entriesBySlot(outcomes: Table): Map<string, { item: number; creative: number; click: number }> {
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
