// What a reward model makes of lists whose outcome is known: loss, order, calibration.

import { entriesBelow } from '../../data/market/exposed-entries.ts'
import {
  areaUnderCurve,
  calibrated,
  expectedCalibrationError,
  fitPlatt,
  identityScaling,
  logLoss,
  type Outcomes,
  type PlattScaling,
} from './calibration.ts'
import { type ExposedRequests, historyOf, labelOf, type RewardData } from './data.ts'
import type { RewardList, RewardScorer } from './scorer.ts'
import { type Reward, type RewardShape, rewardsOf } from './shape.ts'

/** The list that a request showed, or what is known of it, as far as the model's slots go. */
export const exposedList = (
  { historyLength, listLength }: RewardShape,
  { sequences }: RewardData,
  log: ExposedRequests,
  request: number,
): RewardList => {
  const { slot, item, creative, ad } = log.exposed
  const { start, end } = entriesBelow(log.exposed, request, listLength)
  return {
    history: historyOf(sequences, log, request, historyLength),
    items: item.subarray(start, end),
    creatives: creative.subarray(start, end),
    isAd: Uint8Array.from(ad.subarray(start, end), (index) => Number(index >= 0)),
    ...(slot && { slots: slot.subarray(start, end) }),
  }
}

/** Outcomes of one reward, and the place of each one's request among those asked for. */
export interface RequestOutcomes extends Outcomes {
  readonly request: Uint32Array
}

export type RewardOutcomes = ReadonlyMap<Reward, RequestOutcomes>

/** Logits and labels of everything that the log tells of these requests. */
export const outcomesOf = async (
  scorer: RewardScorer,
  shape: RewardShape,
  data: RewardData,
  log: ExposedRequests,
  requests: Uint32Array,
): Promise<RewardOutcomes> => {
  const lists = Array.from(requests, (request) => exposedList(shape, data, log, request))
  const scored = await scorer.logits(lists)
  const rewards = rewardsOf(shape)
  const found = rewards.map((reward) => {
    const rows: [number, number, number][] = []
    for (const [index, request] of requests.entries()) {
      const logits = scored[index][reward]
      for (let place = 0; place < lists[index].items.length; place++) {
        const label = labelOf(log.exposed, reward, log.exposed.offsets[request] + place)
        if (label !== undefined && logits !== undefined) rows.push([logits[place], label, index])
      }
    }
    const outcomes: RequestOutcomes = {
      logits: Float64Array.from(rows, ([logit]) => logit),
      labels: Uint8Array.from(rows, ([, label]) => label),
      request: Uint32Array.from(rows, ([, , request]) => request),
    }
    return [reward, outcomes] as const
  })
  return new Map(found)
}

const part = ({ logits, labels, request }: RequestOutcomes, odd: boolean): Outcomes => {
  const chosen = Array.from(request.keys()).filter((index) => (request[index] % 2 === 1) === odd)
  return {
    logits: Float64Array.from(chosen, (index) => logits[index]),
    labels: Uint8Array.from(chosen, (index) => labels[index]),
  }
}

const crossFitted = (outcomes: RequestOutcomes): Outcomes => {
  const even = part(outcomes, false)
  const odd = part(outcomes, true)
  const halves = [calibrated(even, fitPlatt(odd)), calibrated(odd, fitPlatt(even))]
  return {
    logits: Float64Array.from(halves.flatMap(({ logits }) => Array.from(logits))),
    labels: Uint8Array.from(halves.flatMap(({ labels }) => Array.from(labels))),
  }
}

/**
 * Loss of Eq. 30, of the model as it is and of what calibration will make of it; and of each reward AUC and ECE, by names
 * that start with it.
 */
export const validationMetrics = (
  outcomes: RewardOutcomes,
  requests: number,
  calibration: 'None' | 'Platt',
): Record<string, number> => {
  const metrics: Record<string, number> = { validationLoss: 0, calibratedLoss: 0 }
  const mean = (found: Outcomes): number => (logLoss(found) * found.labels.length) / Math.max(1, requests)
  for (const [reward, found] of outcomes) {
    metrics.validationLoss += mean(found)
    metrics.calibratedLoss += mean(calibration === 'None' ? found : crossFitted(found))
    const auc = areaUnderCurve(found)
    if (auc !== undefined) metrics[`${reward}.auc`] = auc
    metrics[`${reward}.ece`] = expectedCalibrationError(found)
  }
  return metrics
}

export interface RewardCalibration extends PlattScaling {
  /** Expected calibration error without the scaling. */
  readonly eceBefore: number
  /** With it, fitted for each half of the requests on the other: what unseen requests may expect. */
  readonly eceAfter: number
  /** Entries that it was fitted on. */
  readonly entries: number
}

/** @param kind None: the identity, with what it leaves */
export const calibrationOf = (outcomes: RequestOutcomes, kind: 'None' | 'Platt'): RewardCalibration => {
  const eceBefore = expectedCalibrationError(outcomes)
  const entries = outcomes.labels.length
  if (kind === 'None') return { ...identityScaling, eceBefore, eceAfter: eceBefore, entries }
  return { ...fitPlatt(outcomes), eceBefore, eceAfter: expectedCalibrationError(crossFitted(outcomes)), entries }
}
