// What a logging policy did and what came of it, as the estimators take it: one action a row. Lists become rows by the
// assumption that one is ready to make about how the slots of a list act on each other, and that the propensities allow.

export interface LoggedActions {
  /** [rows], whose rows are drawn together by the bootstrap: a user, or a request where users are not known. */
  readonly user: Uint32Array
  /** [rows]. */
  readonly reward: Float64Array
  /** [rows], probability of the logged action under the policy that logged it: in (0, 1]. */
  readonly logging: Float64Array
  /** [rows], its probability under the policy to be judged: in [0, 1]. */
  readonly target: Float64Array
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
export function checkLoggedActions({ user, reward, logging, target, expected }: LoggedActions): void {
  const rows = user.length
  const columns = { reward, logging, target, ...(expected && { logged: expected.logged, expected: expected.target }) }
  for (const [name, { length }] of Object.entries(columns)) {
    if (length !== rows) throw new LoggedActionsError(`${name} has ${length} rows, user has ${rows}`)
  }
  for (let row = 0; row < rows; row++) {
    if (!(logging[row] > 0 && logging[row] <= 1))
      throw new LoggedActionsError(`The logging propensity of row ${row} is ${logging[row]}, which is not in (0, 1]`)
    if (!(target[row] >= 0 && target[row] <= 1))
      throw new LoggedActionsError(`The target probability of row ${row} is ${target[row]}, which is not in [0, 1]`)
    if (!Number.isFinite(reward[row])) throw new LoggedActionsError(`The reward of row ${row} is ${reward[row]}`)
  }
}

/** Lists as they were logged, slot after slot: list l has the rows offsets[l] .. offsets[l + 1]. */
export interface LoggedLists {
  readonly offsets: Uint32Array
  /** [lists]. */
  readonly user: Uint32Array
  /** [entries], and so the columns below. */
  readonly reward: Float64Array
  readonly logging: Float64Array
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

/** Rows for the estimators. */
export function rowsOfLists(lists: LoggedLists, interaction: ListInteraction): LoggedActions {
  return interaction === 'WholeList' ? wholeLists(lists) : slotRows(lists, interaction)
}

function slotRows(lists: LoggedLists, interaction: 'Independent' | 'Sequential'): LoggedActions {
  const { offsets, reward, expected } = lists
  const user = new Uint32Array(reward.length)
  const logging = lists.logging.slice()
  const target = lists.target.slice()
  const depth = new Uint32Array(reward.length)
  for (let list = 0; list + 1 < offsets.length; list++) {
    user.fill(lists.user[list], offsets[list], offsets[list + 1])
    if (interaction === 'Independent') continue
    for (let row = offsets[list] + 1; row < offsets[list + 1]; row++) {
      depth[row] = row - offsets[list]
      target[row] *= target[row - 1]
      // A row of weight 0 keeps a propensity that is a number: the product of a long list may be too small for one.
      logging[row] *= target[row] === 0 ? 1 : logging[row - 1]
    }
  }
  const rows = { user, reward, logging, target, ...(expected && { expected }) }
  return interaction === 'Independent' ? rows : { ...rows, depth }
}

function wholeLists(lists: LoggedLists): LoggedActions {
  const { offsets, user, expected } = lists
  const over = (values: Float64Array, start: number, join: (a: number, b: number) => number): Float64Array =>
    Float64Array.from(user, (_, list) => values.subarray(offsets[list], offsets[list + 1]).reduce(join, start))
  const sum = (values: Float64Array): Float64Array => over(values, 0, (a, b) => a + b)
  const product = (values: Float64Array): Float64Array => over(values, 1, (a, b) => a * b)
  return {
    user,
    reward: sum(lists.reward),
    logging: product(lists.logging),
    target: product(lists.target),
    ...(expected && { expected: { logged: sum(expected.logged), target: sum(expected.target) } }),
  }
}
