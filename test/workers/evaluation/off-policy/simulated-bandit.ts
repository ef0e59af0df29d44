import {
  type LoggedActions,
  type LoggedLists,
  rowsOfLists,
} from '../../../../workers/evaluation/off-policy/logged-actions.ts'
import { Random } from '../../../../workers/tensor/random.ts'

/** Contexts, actions, and two policies over them whose values are known. */
export interface Bandit {
  /** [contexts][actions], probability of a reward of 1. */
  readonly reward: readonly (readonly number[])[]
  readonly logging: readonly (readonly number[])[]
  readonly target: readonly (readonly number[])[]
}

export const bandit: Bandit = {
  reward: [
    [0.1, 0.5, 0.3],
    [0.6, 0.2, 0.4],
  ],
  logging: [
    [0.5, 0.2, 0.3],
    [0.2, 0.6, 0.2],
  ],
  target: [
    [0.1, 0.7, 0.2],
    [0.5, 0.1, 0.4],
  ],
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * b[index], 0)

/** Mean reward of the target policy, contexts being equally likely. */
export const targetValue = ({ reward, target }: Bandit): number =>
  reward.reduce((sum, rewards, context) => sum + dot(target[context], rewards), 0) / reward.length

/** An action a row. */
export type BanditLog = Omit<LoggedLists, 'offsets'>

/** As the estimators take it: each action a list of one. */
export const actionsOf = (log: BanditLog): LoggedActions =>
  rowsOfLists({ ...log, offsets: Uint32Array.from({ length: log.user.length + 1 }, (_, row) => row) }, 'Independent')

export interface LogOptions {
  readonly rows: number
  readonly seed: number
  /** What a model of the rewards says of a context and an action; absent: the truth. */
  readonly model?: (truth: number) => number
  /** Rewards are the chances themselves. */
  readonly certain?: boolean
}

function draw(random: Random, probabilities: readonly number[]): number {
  let left = random.uniform()
  for (let action = 0; action < probabilities.length - 1; action++) {
    left -= probabilities[action]
    if (left < 0) return action
  }
  return probabilities.length - 1
}

export function logOf(
  { reward, logging, target }: Bandit,
  { rows, seed, model = (truth) => truth, certain = false }: LogOptions,
): BanditLog & Required<Pick<LoggedActions, 'expected'>> {
  const random = new Random(seed, 'bandit')
  const actions = {
    user: Uint32Array.from({ length: rows }, (_, row) => row),
    reward: new Float64Array(rows),
    logging: new Float64Array(rows),
    target: new Float64Array(rows),
    expected: { logged: new Float64Array(rows), target: new Float64Array(rows) },
  }
  for (let row = 0; row < rows; row++) {
    const context = random.below(reward.length)
    const action = draw(random, logging[context])
    const chance = reward[context][action]
    const happens = random.uniform() < chance
    actions.reward[row] = certain ? chance : Number(happens)
    actions.logging[row] = logging[context][action]
    actions.target[row] = target[context][action]
    actions.expected.logged[row] = model(chance)
    actions.expected.target[row] = dot(target[context], reward[context].map(model))
  }
  return actions
}
