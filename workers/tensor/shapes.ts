// Static shape arithmetic. A dimension is a number, or a multiple of one symbol ('B', '50*B') that is known only when
// the graph runs; training graphs have numbers alone.

export type Dimension = number | string
export type Shape = readonly Dimension[]

interface Multiple {
  readonly factor: number
  readonly symbols: readonly string[]
}

const split = (dimension: Dimension): Multiple => {
  if (typeof dimension === 'number') return { factor: dimension, symbols: [] }
  const parts = dimension.split('*')
  const factor = Number(parts[0])
  return Number.isNaN(factor) ? { factor: 1, symbols: parts } : { factor, symbols: parts.slice(1) }
}

const join = ({ factor, symbols }: Multiple): Dimension => {
  if (symbols.length === 0 || factor === 0) return factor
  const product = [...symbols].sort().join('*')
  return factor === 1 ? product : `${factor}*${product}`
}

/** Product of dimensions, symbols kept: `product(['B', 4, 50])` is `'200*B'`. */
export const product = (dimensions: Shape): Dimension => {
  const parts = dimensions.map(split)
  return join({
    factor: parts.reduce((total, part) => total * part.factor, 1),
    symbols: parts.flatMap((part) => part.symbols),
  })
}

/** `whole / part`, refused where it does not come out even. */
export const quotient = (whole: Dimension, part: Dimension): Dimension => {
  const numerator = split(whole)
  const denominator = split(part)
  const symbols = [...numerator.symbols]
  for (const symbol of denominator.symbols) {
    const at = symbols.indexOf(symbol)
    if (at < 0) throw new Error(`Cannot divide dimension ${whole} by ${part}: ${symbol} is not a factor`)
    symbols.splice(at, 1)
  }
  const factor = numerator.factor / denominator.factor
  if (!Number.isInteger(factor)) throw new Error(`Cannot divide dimension ${whole} by ${part}`)
  return join({ factor, symbols })
}

/** Number of elements of a shape that has no symbol in it. */
export const sizeOf = (shape: Shape): number => {
  const size = product(shape)
  if (typeof size === 'string') throw new Error(`Shape ${show(shape)} is symbolic; give a shape of numbers here`)
  return size
}

export const show = (shape: Shape): string => `[${shape.join(', ')}]`

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dimension, index) => dimension === b[index])

/** A non-negative axis, from one that may count from the end. */
export const axisOf = (axis: number, rank: number): number => {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(positive) || positive < 0 || positive >= rank)
    throw new Error(`Axis ${axis} is outside a tensor of rank ${rank}`)
  return positive
}

const broadcastDimension = (a: Dimension, b: Dimension): Dimension | undefined => {
  if (a === b || b === 1) return a
  return a === 1 ? b : undefined
}

/** NumPy's (and ONNX's multidirectional) broadcasting. */
export const broadcast = (a: Shape, b: Shape): Shape => {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, index) => {
    const left = a[index - rank + a.length] ?? 1
    const right = b[index - rank + b.length] ?? 1
    const joined = broadcastDimension(left, right)
    if (joined === undefined) throw new Error(`Shapes ${show(a)} and ${show(b)} do not broadcast`)
    return joined
  })
}

/** Axes of `from` along which a value of shape `to` was repeated to reach `from`. */
export const repeatedAxes = (from: Shape, to: Shape): number[] => {
  const lead = from.length - to.length
  return from.flatMap((dimension, axis) => (axis < lead || to[axis - lead] !== dimension ? [axis] : []))
}
