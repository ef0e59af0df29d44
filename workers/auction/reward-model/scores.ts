// Scores of lists (Eq. 18-20): every entry reads the user's history for itself, then the other entries of its list; a
// tower for each reward reads the entry, the sum of the list and the user. Beside the towers, how well an entry matches
// the history and the slot where it stands count of themselves, as few clicks suffice to learn that.

import { excluded } from '../../ranker/backbone.ts'
import { type Dropout, type DropoutPlace, noDropout } from '../../ranker/dropout.ts'
import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { type Dimension, product, quotient } from '../../tensor/shapes.ts'
import { names, type Reward, type RewardShape, rewardsOf } from './shape.ts'
import { type RewardUser, readUser } from './user.ts'

/** N lists of K slots. */
export interface ListValues {
  /** Vectors of the items [N, K, hiddenSize]. */
  readonly items: Value
  /** Vectors of the creatives [N, K, hiddenSize], zeros where an entry has none; absent: no entry has one. */
  readonly creatives?: Value
  /** [N, K] float32, 1 for ads. */
  readonly isAd: Value
  /** [N, K] float32, 0 beyond the end of a list. */
  readonly present: Value
}

interface Sizes {
  readonly lists: Dimension
  readonly users: Dimension
  /** Lists of each user. */
  readonly each: number
  readonly rows: Dimension
  /** Of these lists; at most `listLength`. */
  readonly slots: number
}

const sizesOf = ({ summary }: RewardUser, { items }: ListValues): Sizes => {
  const [lists, slots] = items.shape
  const [users] = summary.shape
  const each = quotient(lists, users)
  if (typeof each === 'string') throw new Error(`${lists} lists of ${users} users: how many each must be a number`)
  return { lists, users, each, rows: product([lists, slots]), slots: Number(slots) }
}

/** How fast the weights of a match are learned beside all others, as a step of Adam moves each by about as much. */
const matchScale = 3

interface ReadEntries {
  /** Before they see each other [N·K, hiddenSize], each with what it finds in the user's history. */
  readonly entries: Value
  /** How well the item of each matches what it finds, a number a head [N·K, heads]. */
  readonly match: Value
}

const entriesOf = (
  parameters: Parameters,
  shape: RewardShape,
  user: RewardUser,
  { items, creatives, isAd }: ListValues,
  { users, each, rows, ...sizes }: Sizes,
): ReadEntries => {
  const { hiddenSize, heads } = shape
  const width = hiddenSize / heads
  const named = (part: string) => parameters(names.entry(part))
  const shown = creatives === undefined ? items : op.add(items, creatives)
  const marks = op.mul(op.reshape(isAd, [rows, 1]), op.reshape(parameters(names.ad), [1, hiddenSize]))
  const entry = op.add(op.reshape(shown, [rows, hiddenSize]), marks)
  const query = op.linear(entry, named('query.weight'), named('query.bias'))
  const byUser = [users, each * sizes.slots, heads, width]
  const read = readUser(user, op.transpose(op.reshape(query, byUser), [0, 2, 1, 3]))
  const context = op.reshape(op.transpose(read, [0, 2, 1, 3]), [rows, hiddenSize])
  const agreement = op.reshape(op.mul(op.reshape(items, [rows, hiddenSize]), context), [rows, heads, width])
  const joined = op.concat([entry, context, op.mul(entry, context)], 1)
  const result = op.linear(joined, named('joined.weight'), named('joined.bias'))
  return {
    entries: inPlace(parameters, shape, result, { rows, ...sizes }),
    match: op.scale(op.reduceSum(agreement, [2]), matchScale / Math.sqrt(width)),
  }
}

/** Entries with their positions. */
const inPlace = (
  parameters: Parameters,
  { hiddenSize, listLength, positions }: RewardShape,
  result: Value,
  { lists, rows, slots }: Pick<Sizes, 'lists' | 'rows' | 'slots'>,
): Value => {
  if (!positions) return result
  const all = parameters(names.position)
  const position = slots === listLength ? all : op.slice(all, 0, 0, slots)
  const placed = op.add(op.reshape(result, [lists, slots, hiddenSize]), position)
  return op.reshape(placed, [rows, hiddenSize])
}

/** What the entries of a list tell each other (Eq. 19), [N·K, hiddenSize]. */
const attended = (
  parameters: Parameters,
  { hiddenSize, heads }: RewardShape,
  entries: Value,
  present: Value,
  { lists, rows, slots }: Sizes,
): Value => {
  const named = (part: string) => parameters(names.list(part))
  const width = hiddenSize / heads
  const normal = op.layerNorm(entries, named('norm.scale'), named('norm.bias'))
  const projected = op.linear(normal, named('input.weight'), named('input.bias'))
  const parted = op.transpose(op.reshape(projected, [lists, slots, 3, heads, width]), [2, 0, 3, 1, 4])
  const [query, key, value] = op
    .split(parted, 0, [1, 1, 1])
    .map((piece) => op.reshape(piece, [lists, heads, slots, width]))
  const absent = op.reshape(op.scale(op.sub(1, present), excluded), [lists, 1, 1, slots])
  const scores = op.matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(width) })
  const mixed = op.matmul(op.softmax(op.add(scores, absent)), value)
  const rowsOf = op.reshape(op.transpose(mixed, [0, 2, 1, 3]), [rows, hiddenSize])
  return op.linear(rowsOf, named('output.weight'), named('output.bias'))
}

/** First layer of all towers [T, N, K, width], on [h_i ; Σ h ; user] in three products of their own sizes. */
const firstLayer = (
  parameters: Parameters,
  { hiddenSize, listLength, context }: RewardShape,
  { summary }: RewardUser,
  states: Value,
  present: Value,
  { lists, users, each, rows, slots }: Sizes,
): Value => {
  const named = (part: string) => parameters(names.tower(0, part))
  const [towers, , width] = named('entry').shape
  const ofUser = op.add(op.matmul(summary, named('user')), named('bias'))
  const byUser = op.reshape(ofUser, [towers, users, 1, width])
  const own = op.reshape(op.matmul(states, named('entry')), [towers, lists, slots, width])
  if (context === 'Pointwise') {
    const spread = op.reshape(own, [towers, users, each * slots, width])
    return op.reshape(op.add(spread, byUser), [towers, lists, slots, width])
  }
  // A mean over all slots of a full list: the sum, of a size that does not grow with K.
  const kept = op.scale(op.mul(states, op.reshape(present, [rows, 1])), 1 / listLength)
  const sum = op.reduceSum(op.reshape(kept, [lists, slots, hiddenSize]), [1])
  const ofList = op.reshape(op.matmul(sum, named('list')), [towers, users, each, width])
  return op.add(own, op.reshape(op.add(ofList, byUser), [towers, lists, 1, width]))
}

/** What counts beside the towers, [T, N, K]. */
const directLogits = (
  parameters: Parameters,
  { listLength, positions }: RewardShape,
  match: Value,
  { lists, slots }: Sizes,
): Value => {
  const weights = parameters(names.match)
  const matched = op.reshape(op.matmul(match, weights), [weights.shape[0], lists, slots])
  if (!positions) return matched
  const all = parameters(names.slot)
  return op.add(matched, slots === listLength ? all : op.slice(all, 2, 0, slots))
}

/** Logits of all towers stacked [T, N, K], in the order of `rewardsOf`. */
export const stackedLogits = (
  parameters: Parameters,
  shape: RewardShape,
  user: RewardUser,
  lists: ListValues,
  drop: Dropout = noDropout,
): Value => {
  const { towers, context } = shape
  const sizes = sizesOf(user, lists)
  const { entries: read, match } = entriesOf(parameters, shape, user, lists, sizes)
  const entries = drop('entries', read)
  const mixed =
    context === 'Pointwise' ? entries : op.add(entries, attended(parameters, shape, entries, lists.present, sizes))
  const states = op.layerNorm(mixed, parameters(names.list('final.scale')), parameters(names.list('final.bias')))
  const first = firstLayer(parameters, shape, user, states, lists.present, sizes)
  let layer = op.reshape(first, [first.shape[0], sizes.rows, first.shape[3]])
  for (let index = 1; index <= towers.length; index++) {
    const active = index === 1 ? drop('tower', op.relu(layer)) : op.relu(layer)
    const named = (part: string) => parameters(names.tower(index, part))
    layer = op.add(op.matmul(active, named('weight')), named('bias'))
  }
  const ofTowers = op.reshape(layer, [layer.shape[0], sizes.lists, sizes.slots])
  const logits = op.add(ofTowers, directLogits(parameters, shape, match, sizes))
  return op.add(op.mul(logits, parameters(names.slope)), parameters(names.intercept))
}

/** Calibrated logits [N, K]; their sigmoids are pCTR, pCTR of the creative, and pCVR given the click. */
export type RewardLogits = { readonly ctr: Value } & { readonly [Name in Exclude<Reward, 'ctr'>]?: Value }

/**
 * Scores of lists. The user's rows are as many as the lists (`userRows`), or fewer: then the lists of one user lie next
 * to each other, equally many of each, which spares the copies. What lies beyond the end of a list has no influence on
 * the rest of it.
 */
export const rewardScores = (
  parameters: Parameters,
  shape: RewardShape,
  user: RewardUser,
  lists: ListValues,
): RewardLogits => {
  const rewards = rewardsOf(shape)
  const stacked = stackedLogits(parameters, shape, user, lists)
  const pieces = op.split(
    stacked,
    0,
    rewards.map(() => 1),
  )
  const [ctr, ...others] = pieces.map((piece) => op.reshape(piece, stacked.shape.slice(1)))
  return { ctr, ...Object.fromEntries(others.map((value, index) => [rewards[index + 1], value])) }
}

/** Where `stackedLogits` drops, with the shapes of a batch of lists. */
export const rewardDropoutPlaces = (shape: RewardShape, lists: number): DropoutPlace[] => {
  const { hiddenSize, listLength, towers } = shape
  const rows = lists * listLength
  const hidden = { name: 'tower', shape: [rewardsOf(shape).length, rows, towers[0]] }
  return [{ name: 'entries', shape: [rows, hiddenSize] }, ...(towers.length > 0 ? [hidden] : [])]
}
