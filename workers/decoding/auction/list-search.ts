// Beam search over whole lists as nodes of one graph (Eq. 23): the history is read once, every slot extends all beams by
// one candidate, weighted by the bids of the request, and nothing but a list that keeps every rule can come out.

import type { Cache } from '../../ranker/ega/attention.ts'
import { creativeScores } from '../../ranker/ega/creative-head.ts'
import { type DecoderMemory, decodeStep, multiTokenStates } from '../../ranker/ega/decoder.ts'
import { alternates, type GeneratorShape } from '../../ranker/ega/generator-shape.ts'
import type { ItemHead } from '../../ranker/ega/item-head.ts'
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
  /** Over each row's candidates; its groups are the rows. */
  readonly head: ItemHead
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

interface Search extends SearchInputs {
  readonly floors: Value
}

interface Beams {
  /** State before each entry [B, beams, entries, hiddenSize]; only what creatives are predicted from later. */
  readonly states: Value | undefined
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

const appendState = (before: Value | undefined, newest: Value): Value => {
  const [, beams, size] = newest.shape
  const column = op.reshape(newest, ['B', beams, 1, size])
  return before === undefined ? column : op.concat([before, column], 2)
}

const reorder = (value: Value | undefined, parent: Value): Value | undefined =>
  value === undefined ? undefined : ofBeams(value, parent)

/** What a candidate counts that must not come; the last column, which ends the list, never comes in another way. */
const floors = ({ isAd, columns }: CandidateColumns): Value => {
  const floor = new Float32Array(columns).fill(impossible)
  floor[columns - 1] = earlyEnd
  return isAd.graph.constant('float32', [1, 1, columns], floor)
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

const extendBeams = (search: Search, beams: Beams, slot: number, width: number): Beams => {
  const { parameters, shape, memory, candidates, vectors } = search
  const tokensOfSlot = alternates(shape) ? 2 : 1
  const at = (beamCount: number, offset: number) => ({
    groups: 'B' as const,
    beams: beamCount,
    position: tokensOfSlot * slot + offset,
  })
  const step = decodeStep(parameters, shape, beams.token, at(beams.width, 0), memory, beams.caches)
  const states = op.reshape(step.state, ['B', beams.width, shape.hiddenSize])
  const logZ = search.head(states)
  const weighed = op.where(mayFollow(candidates, beams.placed, slot), logZ, search.floors)
  const total = op.add(weighed, op.reshape(beams.score, ['B', beams.width, 1]))
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
    logZ: append(reorder(beams.logZ, parent), op.gatherElements(op.reshape(weighed, flat), best.indices, 1)),
    states: appendState(reorder(beams.states, parent), ofBeams(states, parent)),
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
const multiTokenCreatives = (
  search: SearchInputs,
  creatives: CreativeChoice,
  candidate: Value,
  states: Value,
): Value => {
  const { parameters, shape, memory, vectors } = search
  const { hiddenSize } = shape
  const [, width, slots] = candidate.shape.map(Number)
  const rows = { groups: 'B', lists: width, positions: slots }
  const choice = op.reshape(candidate, ['B', width * slots])
  const items = op.reshape(ofBeams(vectors, choice), [-1, hiddenSize])
  const before = op.reshape(states, [-1, hiddenSize])
  const seen = multiTokenStates(parameters, shape, { states: before, items }, rows, memory, (_place, value) => value)
  return op.reshape(chooseCreative(search, creatives, seen, choice), ['B', width, slots])
}

/**
 * Emits the search.
 * @param slots length of the lists
 * @param beams N_S, no more than there are candidates
 */
export const searchLists = (inputs: SearchInputs, slots: number, beams: number): FoundLists => {
  const search = { ...inputs, floors: floors(inputs.candidates) }
  const placed = nothingPlaced(search.candidates)
  let found: Beams = {
    score: placed.ended,
    placed,
    caches: search.memory.blocks.map(() => undefined),
    token: undefined,
    candidate: undefined,
    logZ: undefined,
    creative: undefined,
    states: undefined,
    width: 1,
  }
  for (let slot = 0; slot < slots; slot++) found = extendBeams(search, found, slot, beams)
  const { candidate, logZ, creative, score, states } = found
  if (candidate === undefined || logZ === undefined || states === undefined)
    throw new Error('A list has one slot at least')
  if (search.creatives === undefined || alternates(search.shape)) return { candidate, logZ, creative, score }
  return { candidate, logZ, creative: multiTokenCreatives(search, search.creatives, candidate, states), score }
}
