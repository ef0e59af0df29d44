// Beam search over whole lists as nodes of one graph (Eq. 23): the history is read once, every slot extends all beams by
// one candidate, weighted by the bids of the request, and nothing but a list that keeps every rule can come out.

import type { Cache } from '../../ranker/ega/attention.ts'
import { creativeScores } from '../../ranker/ega/creative-head.ts'
import { type DecoderMemory, decodeLists, decodeStep, multiTokenStates } from '../../ranker/ega/decoder.ts'
import { alternates, type GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import { type CandidateLevel, candidateScores, type EntryTables } from '../../ranker/ega/item-head.ts'
import { creativesAt, type TokenTable } from '../../ranker/ega/token-vectors.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { product } from '../../tensor/shapes.ts'
import { type CandidateColumns, mayFollow, nothingPlaced, ofBeams, place } from './beam-state.ts'

/** Score of what must not be taken; far below any sum of log-probabilities. */
const impossible = -1e30
/** Below this a beam is no list: there are fewer lists than beams. */
export const possibleList = -1e25
/** What a list that ends early loses for each slot: any longer list is better. */
const earlyEnd = -1e4

export interface SearchInputs {
  readonly parameters: Parameters
  readonly shape: GeneratorShape
  readonly memory: DecoderMemory
  readonly entries: EntryTables
  /** Of each row's candidates; the item head's groups are the rows. */
  readonly levels: readonly CandidateLevel[]
  readonly candidates: CandidateColumns
  /** Vectors of the candidates [B, columns, hiddenSize]; those of the last column are anything. */
  readonly vectors: Value
  readonly creatives: CreativeChoice | undefined
}

/** Creatives of each candidate, to choose from. */
export interface CreativeChoice {
  readonly table: TokenTable
  /** int32 [B, columns, most], -1 where there is none. */
  readonly ofCandidate: Value
}

/** By beam and slot, [B, width, slots]. */
export interface FoundLists {
  /** int64 candidate, the last column for none. */
  readonly candidate: Value
  /** log z of each entry at its slot. */
  readonly logZ: Value
  /** int32 creative, -1 for none; absent where the model has no creatives. */
  readonly creative: Value | undefined
  /** Sum of log z [B, width], the best first. */
  readonly score: Value
}

interface Beams {
  readonly score: Value
  readonly placed: ReturnType<typeof nothingPlaced>
  readonly caches: readonly (Cache | undefined)[]
  /** Newest token [B, beams, hiddenSize]; undefined before the first. */
  readonly token: Value | undefined
  readonly candidate: Value | undefined
  readonly logZ: Value | undefined
  readonly creative: Value | undefined
  readonly width: number
}

const append = (before: Value | undefined, newest: Value): Value => {
  const column = op.reshape(newest, ['B', newest.shape[1], 1])
  return before === undefined ? column : op.concat([before, column], 2)
}

const reorder = (value: Value | undefined, parent: Value): Value | undefined =>
  value === undefined ? undefined : ofBeams(value, parent)

/** log z of all candidates after each beam, impossible where they may not come; the last column ends the list. */
const extensions = (search: SearchInputs, beams: Beams, state: Value, slot: number) => {
  const { parameters, shape, entries, levels, candidates } = search
  const states = op.reshape(state, ['B', beams.width, shape.hiddenSize])
  const logZ = candidateScores(parameters, shape, states, entries, levels)
  const end = op.add(op.mul(op.slice(logZ, 2, 0, 1), 0), earlyEnd)
  const all = op.concat([logZ, end], 2)
  const last = op.reshape(
    all.graph.constant(
      'bool',
      [candidates.columns],
      Uint8Array.from({ length: candidates.columns }, (_, column) => Number(column === candidates.columns - 1)),
    ),
    [1, 1, candidates.columns],
  )
  const allowed = op.or(mayFollow(candidates, beams.placed, slot), last)
  return {
    logZ: all,
    total: op.add(op.where(allowed, all, impossible), op.reshape(beams.score, ['B', beams.width, 1])),
  }
}

/** The best creative of the candidate that each beam has just taken, int32 [B, width]. */
const chooseCreative = (search: SearchInputs, creatives: CreativeChoice, state: Value, choice: Value): Value => {
  const { parameters, shape } = search
  const [, width] = choice.shape
  const offered = ofBeams(creatives.ofCandidate, choice)
  const flat = op.reshape(offered, [product(['B', width]), offered.shape[2]])
  const states = op.reshape(state, [product(['B', width]), shape.hiddenSize])
  const scores = creativeScores(parameters, shape, states, creatives.table, flat)
  const best = op.reshape(op.argMax(scores, 1), [-1, 1])
  return op.reshape(op.gatherElements(flat, best, 1), ['B', width])
}

const extendBeams = (search: SearchInputs, beams: Beams, slot: number, width: number): Beams => {
  const { parameters, shape, memory, candidates, vectors } = search
  const tokensOfSlot = alternates(shape) ? 2 : 1
  const at = (beamCount: number, offset: number) => ({
    groups: 'B' as const,
    beams: beamCount,
    position: tokensOfSlot * slot + offset,
  })
  const step = decodeStep(parameters, shape, beams.token, at(beams.width, 0), memory, beams.caches)
  const { logZ, total } = extensions(search, beams, step.state, slot)
  const flat = ['B', beams.width * candidates.columns]
  const best = op.topK(op.reshape(total, flat), width, 1)
  const parent = op.div(best.indices, candidates.columns)
  const choice = op.mod(best.indices, candidates.columns)
  const caches = step.caches.map(({ keys, values }) => ({
    keys: ofBeams(keys, parent),
    values: ofBeams(values, parent),
  }))
  const token = ofBeams(vectors, choice)
  const next = {
    score: best.values,
    placed: place(candidates, beams.placed, { parent, choice, slot }),
    candidate: append(reorder(beams.candidate, parent), choice),
    logZ: append(reorder(beams.logZ, parent), op.gatherElements(op.reshape(logZ, flat), best.indices, 1)),
    width,
  }
  if (search.creatives === undefined || !alternates(shape)) return { ...next, caches, token, creative: undefined }
  const after = decodeStep(parameters, shape, token, at(width, 1), memory, caches)
  const creative = chooseCreative(search, search.creatives, after.state, choice)
  return {
    ...next,
    caches: after.caches,
    token: creativesAt(parameters, shape, search.creatives.table, creative),
    creative: append(reorder(beams.creative, parent), creative),
  }
}

/** Creatives of whole lists by the multi-token-prediction block, int32 [B, width, slots]. */
const multiTokenCreatives = (search: SearchInputs, creatives: CreativeChoice, candidate: Value): Value => {
  const { parameters, shape, memory, vectors } = search
  const { hiddenSize } = shape
  const [, width, slots] = candidate.shape.map(Number)
  const rows = { groups: 'B', lists: width, positions: slots }
  const flatChoice = op.reshape(candidate, ['B', width * slots])
  const items = op.reshape(ofBeams(vectors, flatChoice), ['B', width, slots, hiddenSize])
  const earlier = slots === 1 ? undefined : op.slice(items, 2, 0, slots - 1)
  const keep = (_place: string, value: Value) => value
  const states = decodeLists(parameters, shape, earlier, rows, memory, keep)
  const own = op.reshape(items, [-1, hiddenSize])
  const seen = multiTokenStates(parameters, shape, { states, items: own }, rows, memory, keep)
  return op.reshape(chooseCreative(search, creatives, seen, flatChoice), ['B', width, slots])
}

/**
 * Emits the search.
 * @param slots length of the lists
 * @param beams N_S, no more than there are candidates
 */
export const searchLists = (search: SearchInputs, slots: number, beams: number): FoundLists => {
  const placed = nothingPlaced(search.candidates)
  let found: Beams = {
    score: placed.ended,
    placed,
    caches: search.memory.blocks.map(() => undefined),
    token: undefined,
    candidate: undefined,
    logZ: undefined,
    creative: undefined,
    width: 1,
  }
  for (let slot = 0; slot < slots; slot++) found = extendBeams(search, found, slot, beams)
  const { candidate, logZ, creative, score } = found
  if (candidate === undefined || logZ === undefined) throw new Error('A list has one slot at least')
  if (search.creatives === undefined || alternates(search.shape)) return { candidate, logZ, creative, score }
  return { candidate, logZ, creative: multiTokenCreatives(search, search.creatives, candidate), score }
}
