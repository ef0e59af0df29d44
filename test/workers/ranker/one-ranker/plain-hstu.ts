// Step 1 once more, in plain loops over doubles: the oracle of its graph.

import { distanceBucket, userBucket } from '../../../../workers/ranker/one-ranker/distance-bucket.ts'
import { type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'

type Row = readonly number[]

const silu = (x: number): number => x / (1 + Math.exp(-x))

const normalised = (row: Row, scale: ArrayLike<number>, bias: ArrayLike<number>): number[] => {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length
  return row.map((value, index) => ((value - mean) / Math.sqrt(variance + 1e-5)) * scale[index] + bias[index])
}

const mapped = (row: Row, weight: ArrayLike<number>, bias: ArrayLike<number>): number[] =>
  Array.from(bias, (start, column) =>
    row.reduce((sum, value, index) => sum + value * weight[index * bias.length + column], start),
  )

/** States [positions][hiddenSize] of one sequence; `present` says which positions are no padding. */
export function plainHstu(
  shape: OneRankerShape,
  parameters: Float32Array,
  stream: readonly Row[],
  present: readonly boolean[],
): number[][] {
  const { hiddenSize, heads, layers } = shape
  const named = unpack(parameters, oneRankerLayout(shape))
  const of = (name: string): Float32Array => {
    const values = named.get(name)
    if (values === undefined) throw new Error(`no parameter ${name}`)
    return values
  }
  const width = hiddenSize / heads
  const length = present.filter((there) => there).length
  let states = stream.map((row) => [...row])
  for (let layer = 0; layer < layers; layer++) {
    const p = (part: string) => of(`generator.${layer}.${part}`)
    const projected = states.map((row) =>
      mapped(normalised(row, p('norm.scale'), p('norm.bias')), p('input.weight'), p('input.bias')).map(silu),
    )
    const piece = (position: number, which: number, head: number) =>
      projected[position].slice(which * hiddenSize + head * width, which * hiddenSize + (head + 1) * width)
    const weightOf = (query: number, key: number, head: number): number => {
      const product = piece(query, 2, head).reduce((sum, value, index) => sum + value * piece(key, 3, head)[index], 0)
      const bucket = key === 0 ? userBucket : distanceBucket(query - key)
      return silu(product + p('distance')[head * (userBucket + 1) + bucket]) / length
    }
    states = states.map((row, query) => {
      const mixed = Array.from({ length: hiddenSize }, () => 0)
      for (let head = 0; head < heads; head++)
        for (let key = 0; key <= query; key++) {
          if (!present[key]) continue
          const weight = weightOf(query, key, head)
          for (const [index, value] of piece(key, 1, head).entries()) mixed[head * width + index] += weight * value
        }
      const gated = normalised(mixed, p('mixed.scale'), p('mixed.bias')).map(
        (value, index) => value * projected[query][index],
      )
      const moved = mapped(gated, p('output.weight'), p('output.bias'))
      return row.map((value, index) => value + moved[index])
    })
  }
  return states.map((row) => normalised(row, of('generator.norm.scale'), of('generator.norm.bias')))
}
