import { randomUUID } from 'node:crypto'
import type { RankAnswer, RankRequest } from '../../crds/rank.ts'
import type { DecodeRequest } from '../decoding/decoder.ts'
import type { Decoded } from './batcher.ts'

/** What a model knows, by the ids of the requests. */
export interface KnownIds {
  itemIds: readonly string[]
  findItem(id: string): number | undefined
  /** Items that a user took, oldest first; undefined for a user that is not in the snapshot. */
  historyOf(userId: string): Uint32Array | undefined
}

type Skipped = RankAnswer['skipped']

export interface PreparedRequest {
  requestId: string
  decode: DecodeRequest
  skipped: Skipped
}

const defaultSlots = 10

/** Turns ids into item indices. What the model does not know is skipped and named; the request is answered all the same. */
export function prepareRequest(request: RankRequest, known: KnownIds): PreparedRequest {
  const skipped: Skipped = []
  const history = historyOf(request, known, skipped)
  const candidates = request.candidates?.organic
  const decode: DecodeRequest = {
    history,
    count: Math.min(request.slots ?? defaultSlots, known.itemIds.length),
    ...(candidates ? { candidates: itemsOf(candidates, known, skipped, true) } : {}),
    ...(request.includeSeen ? {} : { excluded: history }),
  }
  return { requestId: request.requestId ?? randomUUID(), decode, skipped }
}

function historyOf({ user }: RankRequest, known: KnownIds, skipped: Skipped): Uint32Array {
  if (user?.history) return itemsOf(user.history, known, skipped, false)
  if (user?.id === undefined) return new Uint32Array()
  const history = known.historyOf(user.id)
  if (!history) skipped.push({ id: user.id, reason: 'UnknownUser' })
  return history ?? new Uint32Array()
}

/** A history may hold an item twice, a list of candidates may not. */
function itemsOf(ids: readonly string[], known: KnownIds, skipped: Skipped, areCandidates: boolean): Uint32Array {
  const items: number[] = []
  const taken = new Set<number>()
  for (const id of ids) {
    const item = known.findItem(id)
    if (item === undefined) skipped.push({ id, reason: 'UnknownItem' })
    else if (areCandidates && taken.has(item)) skipped.push({ id, reason: 'Duplicate' })
    else {
      taken.add(item)
      items.push(item)
    }
  }
  return Uint32Array.from(items)
}

export function answerOf(
  { requestId, skipped }: PreparedRequest,
  { items, scores, queueMilliseconds, decodeMilliseconds }: Decoded,
  known: KnownIds,
  model: RankAnswer['model'],
): RankAnswer {
  const entries = Array.from(items, (item, index) => ({
    position: index + 1,
    item: known.itemIds[item],
    score: scores[index],
  }))
  return { requestId, model, entries, skipped, timings: { queueMilliseconds, decodeMilliseconds } }
}
