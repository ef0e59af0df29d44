// Named parameters laid out in one flat vector, so that the optimiser is one run of elementwise nodes and a checkpoint
// is one array.

import { reshape } from './broadcasting.ts'
import type { Graph, Value } from './graph.ts'
import { split } from './layout.ts'
import { Random } from './random.ts'
import { sizeOf } from './shapes.ts'

/** How a parameter starts; `xavier` is Glorot's uniform over the last two axes. */
export type Initializer = 'zeros' | 'ones' | 'xavier' | { readonly normal: number } | { readonly values: Float32Array }

export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly initial: Initializer
  /** Subject to weight decay. By default what has two or more axes: matrices, not biases and norms. */
  readonly decay?: boolean
}

export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly initial: Initializer
  readonly decay: boolean
  readonly offset: number
  readonly size: number
}

export interface ParameterLayout {
  readonly parameters: readonly Parameter[]
  /** Length of the flat vector. */
  readonly size: number
}

/** The value of a named parameter in a graph. @throws for a name that the layout lacks */
export type Parameters = (name: string) => Value

export const parameterLayout = (specs: readonly ParameterSpec[]): ParameterLayout => {
  let offset = 0
  const names = new Set<string>()
  const parameters = specs.map((spec) => {
    if (names.has(spec.name)) throw new Error(`Parameter ${spec.name} is declared twice`)
    names.add(spec.name)
    const size = sizeOf(spec.shape)
    const parameter = { ...spec, decay: spec.decay ?? spec.shape.length >= 2, offset, size }
    offset += size
    return parameter
  })
  return { parameters, size: offset }
}

const fill = (values: Float32Array, { name, shape, initial, size }: Parameter, random: Random): void => {
  if (initial === 'zeros') return
  if (initial === 'ones') values.fill(1)
  else if (initial === 'xavier') {
    const [fanIn, fanOut] = shape.slice(-2)
    const limit = Math.sqrt(6 / (fanIn + (fanOut ?? 1)))
    for (let index = 0; index < size; index++) values[index] = (2 * random.uniform() - 1) * limit
  } else if ('normal' in initial)
    for (let index = 0; index < size; index++) values[index] = random.normal() * initial.normal
  else if (initial.values.length === size) values.set(initial.values)
  else throw new Error(`Parameter ${name} needs ${size} values, not ${initial.values.length}`)
}

/** The flat vector to start from. Each parameter draws from a stream of its own name, whatever else the layout has. */
export const initialParameters = (layout: ParameterLayout, seed: number): Float32Array => {
  const flat = new Float32Array(layout.size)
  for (const parameter of layout.parameters) {
    const { name, offset, size } = parameter
    fill(flat.subarray(offset, offset + size), parameter, new Random(seed, 'parameter', name))
  }
  return flat
}

const lookUp =
  (values: ReadonlyMap<string, Value>): Parameters =>
  (name) => {
    const value = values.get(name)
    if (value === undefined) throw new Error(`The layout has no parameter ${name}`)
    return value
  }

/** Parameters as pieces of a flat vector in the graph: for training. */
export const parametersOf = (flat: Value, layout: ParameterLayout): Parameters => {
  const pieces = split(
    flat,
    0,
    layout.parameters.map(({ size }) => size),
  )
  return lookUp(new Map(layout.parameters.map(({ name, shape }, index) => [name, reshape(pieces[index], shape)])))
}

/** Parameters as constants of the graph, which keeps views of `flat`: for serving. */
export const constantParameters = (graph: Graph, flat: Float32Array, layout: ParameterLayout): Parameters => {
  checkLength(flat, layout)
  const values = layout.parameters.map(({ name, shape, offset, size }): [string, Value] => [
    name,
    graph.constant('float32', shape, flat.subarray(offset, offset + size)),
  ])
  return lookUp(new Map(values))
}

const checkLength = (flat: Float32Array, layout: ParameterLayout): void => {
  if (flat.length !== layout.size)
    throw new Error(`The layout has ${layout.size} parameters and the vector ${flat.length}: are they of one model?`)
}

/** Views of a flat vector by parameter name. */
export const unpack = (flat: Float32Array, layout: ParameterLayout): Map<string, Float32Array> => {
  checkLength(flat, layout)
  return new Map(layout.parameters.map(({ name, offset, size }) => [name, flat.subarray(offset, offset + size)]))
}

/** The flat vector of named arrays; every parameter must be there, with its length. */
export const pack = (values: ReadonlyMap<string, Float32Array>, layout: ParameterLayout): Float32Array => {
  const flat = new Float32Array(layout.size)
  for (const { name, offset, size } of layout.parameters) {
    const array = values.get(name)
    if (array?.length !== size)
      throw new Error(`Parameter ${name} needs ${size} values, not ${array?.length ?? 'none'}`)
    flat.set(array, offset)
  }
  return flat
}

/** Little-endian bytes of a vector, as files hold them. */
export const toBytes = (flat: Float32Array): Uint8Array => new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength)

/** The vector that `toBytes` wrote, copied so that alignment does not matter. */
export const fromBytes = (bytes: Uint8Array): Float32Array => {
  if (bytes.byteLength % 4 !== 0)
    throw new Error(`${bytes.byteLength} bytes do not make 32-bit floats: the file is cut off`)
  return new Float32Array(bytes.slice().buffer)
}
