// The lists of the log before the reward model of the mechanism: is its pCTR right about what was shown?

import { entriesBelow, slotOf } from '../../data/market/exposed-entries.ts'
import type { Exposures, Market } from '../../data/market/market.ts'
import type { GroupMetric, MetricGroup } from '../metric-group.ts'
import { calibrationBins, calibrationColumns } from './calibration.ts'
import type { JudgeLists, RankedList } from './judge.ts'
import { addCalibrationMetric } from './outcome-metrics.ts'
import type { MarketRequest } from './requests.ts'
import { appendRow, columnOf, emptyTable, type Table } from './table.ts'

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
    for (let at = 0; at < lists[place].items.length; at++) {
      const entry = start + at
      appendRow(table, {
        request: first + place,
        slot: slotOf(exposed, index, entry),
        item: exposed.item[entry],
        creative: exposed.creative[entry],
        propensity: exposed.propensity?.values[entry] ?? Number.NaN,
        click: click[at],
        clicked: exposed.click[entry],
        conversion: conversion?.[at] ?? Number.NaN,
        // A conversion is a question only where there was a click.
        converted: exposed.click[entry] === 1 ? (exposed.conversion?.[entry] ?? Number.NaN) : Number.NaN,
      })
    }
  })
}

function exposedList(exposed: Exposures, { index, user, auction }: MarketRequest, slots: number): RankedList {
  const { slot, item, ad, creative } = exposed
  const { start, end } = entriesBelow(exposed, index, slots)
  return {
    request: auction,
    user,
    items: item.subarray(start, end),
    // As it was shown: an ad stays one where the eligible ads of the request lack it.
    ads: ad.subarray(start, end),
    creatives: creative.subarray(start, end),
    ...(slot && { slots: slot.subarray(start, end) }),
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
