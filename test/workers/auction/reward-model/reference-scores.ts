// The reward model once more, one list in plain loops over doubles and without the graph's operators: the oracle of its
// scores.

import { type RewardShape, rewardLayout, rewardsOf } from '../../../../workers/auction/reward-model/shape.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'

type Vector = readonly number[]

export interface ReferenceList {
  /** Vectors of the history's items, oldest first. */
  readonly history: readonly Vector[]
  /** Of its items, as many as it has. */
  readonly items: readonly Vector[]
  readonly creatives: readonly Vector[]
  readonly isAd: readonly number[]
}

const add = (...vectors: readonly Vector[]): number[] =>
  vectors[0].map((_, index) => vectors.reduce((sum, vector) => sum + vector[index], 0))
const times = (a: Vector, b: Vector): number[] => a.map((value, index) => value * b[index])
const dot = (a: Vector, b: Vector): number => times(a, b).reduce((sum, value) => sum + value, 0)

const product = (vector: Vector, weight: Vector, columns: number): number[] =>
  Array.from({ length: columns }, (_, column) =>
    vector.reduce((sum, value, row) => sum + value * weight[row * columns + column], 0),
  )

const normalised = (vector: Vector, scale: Vector, bias: Vector): number[] => {
  const mean = vector.reduce((sum, value) => sum + value, 0) / vector.length
  const variance = vector.reduce((sum, value) => sum + (value - mean) ** 2, 0) / vector.length
  return vector.map((value, index) => ((value - mean) / Math.sqrt(variance + 1e-5)) * scale[index] + bias[index])
}

/** Heads read apart; `bias` by head and key. */
const attention = (
  query: Vector,
  keys: readonly Vector[],
  values: readonly Vector[],
  heads: number,
  bias: (head: number, key: number) => number,
): number[] => {
  const width = query.length / heads
  return Array.from({ length: heads }, (_, head) => {
    const part = (vector: Vector) => vector.slice(head * width, (head + 1) * width)
    const powers = keys.map((key, at) => Math.exp(dot(part(query), part(key)) / Math.sqrt(width) + bias(head, at)))
    const whole = powers.reduce((sum, power) => sum + power, 0)
    return values
      .map((value, at) => part(value).map((number) => (number * powers[at]) / whole))
      .reduce((sum, value) => add(sum, value))
  }).flat()
}

/** Calibrated logits by reward and slot. */
export const referenceScores = (shape: RewardShape, flat: Float32Array, list: ReferenceList): number[][] => {
  const { hiddenSize: size, heads, listLength, positions, context, towers } = shape
  const views = unpack(flat, rewardLayout(shape))
  const p = (name: string): number[] => Array.from(views.get(name) ?? [])
  const linear = (vector: Vector, name: string, columns: number): number[] =>
    add(product(vector, p(`${name}.weight`), columns), p(`${name}.bias`))

  const places = (kind: string): Vector[] => [
    p(`user.${kind}.nothing`),
    ...list.history.map((item) => linear(item, `user.${kind}`, size)),
  ]
  const keys = places('key')
  const values = places('value')
  const age = p('user.age')
  const byAge = (head: number, place: number) => (place === 0 ? 0 : age[(list.history.length - place) * heads + head])
  const summary = attention(p('user.query'), keys, values, heads, byAge)

  const matches: number[][] = []
  const entries = list.items.map((item, slot) => {
    const marked = p('ad').map((value) => value * list.isAd[slot])
    const entry = add(item, list.creatives[slot], marked)
    const found = attention(linear(entry, 'entry.query', size), keys, values, heads, byAge)
    const agreement = times(item, found)
    const width = size / heads
    matches.push(
      Array.from({ length: heads }, (_, head) =>
        agreement.slice(head * width, (head + 1) * width).reduce((sum, part) => sum + (3 * part) / Math.sqrt(width), 0),
      ),
    )
    const joined = linear([...entry, ...found, ...times(entry, found)], 'entry.joined', size)
    return positions ? add(joined, p('position').slice(slot * size, (slot + 1) * size)) : joined
  })
  const projected = entries.map((entry) =>
    context === 'Pointwise'
      ? []
      : linear(normalised(entry, p('list.norm.scale'), p('list.norm.bias')), 'list.input', 3 * size),
  )
  const states = entries.map((entry, slot) => {
    const mixed =
      context === 'Pointwise'
        ? entry
        : add(
            entry,
            linear(
              attention(
                projected[slot].slice(0, size),
                projected.map((each) => each.slice(size, 2 * size)),
                projected.map((each) => each.slice(2 * size)),
                heads,
                () => 0,
              ),
              'list.output',
              size,
            ),
          )
    return normalised(mixed, p('list.final.scale'), p('list.final.bias'))
  })
  const sum = add(...states).map((value) => value / listLength)

  const sizes = [...towers, 1]
  return rewardsOf(shape).map((_, tower) =>
    states.map((state, slot) => {
      const of = (name: string, rows: number, columns: number) =>
        p(name).slice(tower * rows * columns, (tower + 1) * rows * columns)
      let layer = add(
        product(state, of('tower.0.entry', size, sizes[0]), sizes[0]),
        product(summary, of('tower.0.user', size, sizes[0]), sizes[0]),
        context === 'Pointwise'
          ? new Array<number>(sizes[0]).fill(0)
          : product(sum, of('tower.0.list', size, sizes[0]), sizes[0]),
        of('tower.0.bias', 1, sizes[0]),
      )
      for (let index = 1; index < sizes.length; index++) {
        const active = layer.map((value) => Math.max(0, value))
        const weight = of(`tower.${index}.weight`, sizes[index - 1], sizes[index])
        layer = add(product(active, weight, sizes[index]), of(`tower.${index}.bias`, 1, sizes[index]))
      }
      const direct = dot(matches[slot], of('match', heads, 1)) + (positions ? of('slot', 1, listLength)[slot] : 0)
      return (layer[0] + direct) * p('calibration.slope')[tower] + p('calibration.intercept')[tower]
    }),
  )
}
