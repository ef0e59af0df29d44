// What a logging policy did and what came of it, as the estimators take it: one action a row. Lists become rows by the
// assumption that one is ready to make about how the slots of a list act on each other, and that the propensities allow.

import { mostWeight } from './importance-weights.ts'

export interface LoggedActions {
  /** [rows], whose rows are drawn together by the bootstrap: a user, or a request where users are not known. */
  readonly user: Uint32Array
  /** [rows]. */
  readonly reward: Float64Array
  /** [rows], probability under the policy to be judged by that under the policy that logged: at least 0, `mostWeight` at most. */
  readonly weight: Float64Array
  /** [rows], slot of a list down to which the weights of the row were multiplied, from 0; absent: none was. */
  readonly depth?: Uint32Array
  /** Rewards as a model expects them; needed by DR alone. */
  readonly expected?: {
    /** [rows], of the logged action. */
    readonly logged: Float64Array
    /** [rows], mean over the actions of the policy to be judged. */
    readonly target: Float64Array
  }
}

/** Columns of unequal length, or a number that is no probability. */
export class LoggedActionsError extends RangeError {
  readonly reason = 'BadPropensities'
  readonly retryable = false

  constructor(message: string) {
    super(message)
    this.name = 'LoggedActionsError'
  }
}

/** @throws LoggedActionsError naming the first row that is wrong */
export function checkLoggedActions({ user, reward, weight, expected }: LoggedActions): void {
  const rows = user.length
  checkLengths(rows, { reward, weight, ...(expected && { logged: expected.logged, expected: expected.target }) })
  for (let row = 0; row < rows; row++) {
    if (!(weight[row] >= 0 && weight[row] <= mostWeight))
      throw new LoggedActionsError(`The weight of row ${row} is ${weight[row]}, which is not in [0, ${mostWeight}]`)
    if (!Number.isFinite(reward[row])) throw new LoggedActionsError(`The reward of row ${row} is ${reward[row]}`)
  }
}

function checkLengths(rows: number, columns: Readonly<Record<string, Float64Array>>): void {
  for (const [name, { length }] of Object.entries(columns))
    if (length !== rows) throw new LoggedActionsError(`${name} has ${length} rows, there are ${rows}`)
}

/** Lists as they were logged, slot after slot: list l has the rows offsets[l] .. offsets[l + 1]. */
export interface LoggedLists {
  readonly offsets: Uint32Array
  /** [lists]. */
  readonly user: Uint32Array
  /** [entries], and so the columns below. */
  readonly reward: Float64Array
  /** Probability of the logged entry under the policy that logged it: in (0, 1]. */
  readonly logging: Float64Array
  /** Its probability under the policy to be judged: in [0, 1]. */
  readonly target: Float64Array
  readonly expected?: LoggedActions['expected']
}

/**
 * How the reward of a slot depends on the others of its list, and what the probabilities of `logging` and `target` are
 * (McInerney et al., "Counterfactual Evaluation of Slate
 * Recommendations with Sequential Reward Interactions", KDD 2020).
 *
 * - `Independent`: on its own entry alone. A row a slot, weighted by its own ratio: little variance, and a bias where
 *   the neighbours matter. Probabilities are those of the entry in its slot, whatever the others.
 * - `Sequential`: on its entry and those before it. A row a slot, weighted by the product of the ratios down to it.
 *   Probabilities are given the entries before.
 * - `WholeList`: on all. A row a list, weighted by the product of all ratios; the reward is the sum over the list.
 *   Probabilities are given the entries before.
 *
 * The first two estimate the mean reward of an entry, the last that of a list.
 */
export type ListInteraction = 'Independent' | 'Sequential' | 'WholeList'

/** Rows for the estimators. @throws LoggedActionsError naming the first entry that is wrong */
export function rowsOfLists(lists: LoggedLists, interaction: ListInteraction): LoggedActions {
  checkEntries(lists)
  if (interaction === 'WholeList') return wholeLists(lists)
  return interaction === 'Sequential' ? sequentialRows(lists) : independentRows(lists)
}

function checkEntries({ offsets, reward, logging, target, expected }: LoggedLists): void {
  const entries = offsets[offsets.length - 1]
  checkLengths(entries, {
    ...{ reward, logging, target },
    ...(expected && { logged: expected.logged, expected: expected.target }),
  })
  for (let entry = 0; entry < entries; entry++) {
    if (!(logging[entry] > 0 && logging[entry] <= 1))
      throw new LoggedActionsError(`The logging propensity of entry ${entry} is ${logging[entry]}, not in (0, 1]`)
    if (!(target[entry] >= 0 && target[entry] <= 1))
      throw new LoggedActionsError(`The target probability of entry ${entry} is ${target[entry]}, not in [0, 1]`)
  }
}

function independentRows(lists: LoggedLists): LoggedActions {
  const { reward, logging, target, expected } = lists
  const weight = target.map((probability, row) => Math.min(mostWeight, probability / logging[row]))
  return { user: usersOfEntries(lists), reward, weight, ...(expected && { expected }) }
}

function sequentialRows(lists: LoggedLists): LoggedActions {
  const { offsets, reward, expected } = lists
  const logWeight = logRatios(lists)
  const depth = new Uint32Array(reward.length)
  for (let list = 0; list + 1 < offsets.length; list++) {
    for (let row = offsets[list] + 1; row < offsets[list + 1]; row++) {
      depth[row] = row - offsets[list]
      logWeight[row] += logWeight[row - 1]
    }
  }
  return { user: usersOfEntries(lists), reward, weight: weightsOf(logWeight), depth, ...(expected && { expected }) }
}

function wholeLists(lists: LoggedLists): LoggedActions {
  const { offsets, user, expected } = lists
  const sum = (values: Float64Array): Float64Array =>
    Float64Array.from(user, (_, list) =>
      values.subarray(offsets[list], offsets[list + 1]).reduce((total, value) => total + value, 0),
    )
  return {
    user,
    reward: sum(lists.reward),
    weight: weightsOf(sum(logRatios(lists))),
    ...(expected && { expected: { logged: sum(expected.logged), target: sum(expected.target) } }),
  }
}

function usersOfEntries({ offsets, user, reward }: LoggedLists): Uint32Array {
  const users = new Uint32Array(reward.length)
  user.forEach((each, list) => {
    users.fill(each, offsets[list], offsets[list + 1])
  })
  return users
}

/**
 * Logarithms, which add up where ratios multiply: the propensity of a list of a hundred entries is too small for a
 * number, and a ratio of two such is not 0 but nothing at all. Of an entry that the policy does not show it is -Infinity.
 */
const logRatios = ({ logging, target }: LoggedLists): Float64Array =>
  target.map((probability, entry) => Math.log(probability) - Math.log(logging[entry]))

const weightsOf = (logWeights: Float64Array): Float64Array =>
  logWeights.map((logWeight) => Math.min(mostWeight, Math.exp(logWeight)))
