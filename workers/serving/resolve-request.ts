// From ids of a request to item indices, and back.

import { defaultSlots, type RankAnswer, type RankRequest, type SkippedReason } from '../../crds/rank.ts'
import type { TimedHistory } from '../data/sequences.ts'
import type { DecodedList, DecodeRequest } from '../decoding/decoder.ts'
import type { Propensities } from './exploration.ts'
import type { ServedModel } from './served-model.ts'

export type Skipped = { id: string; reason: SkippedReason }

/** Of the ids that were skipped so many are listed; a request can name twenty thousand. */
export const maxSkippedListed = 100

export interface ResolvedRequest {
  readonly decode: DecodeRequest
  /** Length of the list that is answered. */
  readonly slots: number
  readonly skipped: Skipped[]
}

type Lookup = Pick<ServedModel, 'findItem' | 'historyOf' | 'times'>

export interface ResolveOptions {
  /** Longest list that is answered; the default length yields to it. */
  readonly beamSize: number
  /** Whether the whole beam is decoded, to choose the list from it. */
  readonly wholeBeam: boolean
}

export function resolveRequest(request: RankRequest, model: Lookup, options: ResolveOptions): ResolvedRequest {
  const { beamSize, wholeBeam } = options
  const { skipped, skip } = skipList()
  const { history } = resolveHistory(request.user, model, skip)
  const organic = request.candidates?.organic
  const slots = request.slots ?? Math.min(beamSize, defaultSlots)
  return {
    slots,
    decode: {
      history,
      count: wholeBeam ? beamSize : slots,
      ...(organic === undefined ? {} : { candidates: resolveCandidates(organic, model, skip) }),
      ...(request.includeSeen ? {} : { excluded: history }),
    },
    skipped,
  }
}

export type Skip = (id: string, reason: SkippedReason) => void

export function skipList(): { readonly skipped: Skipped[]; readonly skip: Skip } {
  const skipped: Skipped[] = []
  const skip: Skip = (id, reason) => {
    if (skipped.length < maxSkippedListed) skipped.push({ id, reason })
  }
  return { skipped, skip }
}

/** A history that is given is taken as it is, also for a user that the snapshot knows. */
export function resolveHistory(user: RankRequest['user'], model: Lookup, skip: Skip): TimedHistory {
  if (user?.history !== undefined) return broughtHistory(user.history, user.historyTimes, model, skip)
  const none = { history: new Uint32Array(0) }
  if (user?.id === undefined) return none
  const history = model.historyOf(user.id)
  if (history === undefined) {
    skip(user.id, 'UnknownUser')
    return none
  }
  const historyTimes = model.times?.of?.(user.id)
  return { history, ...(historyTimes && { historyTimes }) }
}

/** What the model does not know takes its time along; a model that knows no times is told none. */
function broughtHistory(
  ids: readonly string[],
  times: readonly string[] | undefined,
  model: Lookup,
  skip: Skip,
): TimedHistory {
  const items: number[] = []
  const itemTimes: number[] = []
  const told = model.times?.of === undefined ? undefined : times
  for (const [index, id] of ids.entries()) {
    const item = model.findItem(id)
    if (item === undefined) {
      skip(id, 'UnknownItem')
      continue
    }
    items.push(item)
    if (told !== undefined) itemTimes.push(Date.parse(told[index]))
  }
  return { history: Uint32Array.from(items), ...(told && { historyTimes: Float64Array.from(itemTimes) }) }
}

function resolveCandidates(ids: readonly string[], model: Lookup, skip: Skip): Uint32Array {
  const items = new Set<number>()
  for (const id of ids) {
    const item = model.findItem(id)
    if (item === undefined) skip(id, 'UnknownItem')
    else if (items.has(item)) skip(id, 'Duplicate')
    else items.add(item)
  }
  return Uint32Array.from(items)
}

export function listEntries(
  { items, scores, entries }: DecodedList & Partial<Propensities>,
  itemIds: readonly string[],
): RankAnswer['entries'] {
  return Array.from(items, (item, index) => ({
    position: index + 1,
    item: itemIds[item],
    score: scores[index],
    ...(entries === undefined ? {} : { propensity: entries[index] }),
  }))
}
