// The graph under construction: ONNX nodes in the order of their making, and a tape that remembers how to differentiate
// them. Operators live in files of their own and are free functions of values.

import { type Shape, show, sizeOf } from './shapes.ts'

export type ElementType = 'float32' | 'int32' | 'int64' | 'bool'
export type ElementArray = Float32Array | Int32Array | BigInt64Array | Uint8Array

/** Elements in row-major order; booleans are bytes of 0 and 1. */
export interface TensorData {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: ElementArray
}

/** One edge of the graph: a tensor that exists while the graph runs. */
export interface Value {
  readonly graph: Graph
  readonly name: string
  readonly type: ElementType
  readonly shape: Shape
  readonly origin: { entry: TapeEntry | undefined }
}

/**
 * Gradients of the inputs from those of the outputs; undefined stands for zero. It is written with the same operators
 * as the forward pass, so that second derivatives come of themselves.
 */
export type GradientRule = (outputGradients: readonly (Value | undefined)[]) => readonly (Value | undefined)[]

export interface TapeEntry {
  readonly order: number
  readonly operator: string
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly gradient: GradientRule | undefined
}

export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly graph: Graph }

/** An operator call as ONNX will see it; an empty input name is an omitted optional input. */
export interface Node {
  readonly operator: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

export interface OutputType {
  readonly type: ElementType
  readonly shape: Shape
}

export interface EmitOptions {
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** What every graph nested in one root shares, so that names stay unique across the bodies of loops. */
interface Shared {
  names: number
  order: number
  readonly constants: Map<string, TensorData>
  readonly filled: Map<string, Value>
  readonly small: Map<string, Value>
}

export const elementArray = (type: ElementType, elements: ElementArray | readonly number[]): ElementArray => {
  if (ArrayBuffer.isView(elements)) return elements as ElementArray
  const numbers = elements as readonly number[]
  if (type === 'float32') return Float32Array.from(numbers)
  if (type === 'int32') return Int32Array.from(numbers)
  if (type === 'int64') return BigInt64Array.from(numbers, BigInt)
  return Uint8Array.from(numbers)
}

/** Elements of a constant that is made once, however often it is asked for: ONNX Runtime loads each by itself. */
const mostShared = 16

const written = (element: unknown): string => (Object.is(element, -0) ? '-0' : String(element))

const arrayTypes = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array } as const

export class Graph {
  readonly parent: Graph | undefined
  readonly depth: number
  readonly nodes: Node[] = []
  readonly inputs = new Map<string, Value>()
  readonly outputs = new Map<string, Value>()
  readonly #shared: Shared

  constructor(parent?: Graph) {
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.#shared =
      parent !== undefined
        ? parent.#shared
        : { names: 0, order: 0, constants: new Map(), filled: new Map(), small: new Map() }
  }

  /** Constants of the whole nest of graphs; they are written with the root. */
  get constants(): ReadonlyMap<string, TensorData> {
    return this.#shared.constants
  }

  get root(): Graph {
    return this.parent === undefined ? this : this.parent.root
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    if (this.inputs.has(name)) throw new Error(`Graph input ${name} is declared twice`)
    const value = this.#value(type, shape, this.parent === undefined ? name : this.#freshName(name))
    this.inputs.set(name, value)
    return value
  }

  output(name: string, value: Value): void {
    if (this.outputs.has(name) || this.inputs.has(name)) throw new Error(`Graph output ${name} is declared twice`)
    this.outputs.set(name, value)
  }

  /** A constant tensor, a small one made once per type, shape and elements; `elements` is kept by reference, so leave it alone until the graph is written. */
  constant(type: ElementType, shape: readonly number[], elements: ElementArray | readonly number[]): Value {
    const data = elementArray(type, elements)
    if (!(data instanceof arrayTypes[type])) throw new Error(`A ${type} constant cannot hold ${data.constructor.name}`)
    if (data.length !== sizeOf(shape))
      throw new Error(`A constant of shape ${show(shape)} needs ${sizeOf(shape)} elements, not ${data.length}`)
    const isSmall = data.length <= mostShared
    const key = isSmall
      ? `${type}[${shape.join()}]${Array.from<unknown>(data as never)
          .map(written)
          .join()}`
      : ''
    const known = this.#shared.small.get(key)
    if (known !== undefined) return known
    const name = this.#freshName('constant')
    const value = this.root.#value(type, shape, name)
    if (isSmall) this.#shared.small.set(key, value)
    this.#shared.constants.set(name, { type, shape, data })
    return value
  }

  /** A scalar constant, made once per type and value. */
  scalar(number: number, type: ElementType = 'float32'): Value {
    return this.filled([], number, type)
  }

  /** A constant of equal elements, made once per type, shape and value. */
  filled(shape: readonly number[], number: number, type: ElementType = 'float32'): Value {
    const key = `${type}[${shape.join()}]${Object.is(number, -0) ? '-0' : number}`
    const known = this.#shared.filled.get(key)
    if (known !== undefined) return known
    const value = this.constant(type, shape, new Array<number>(sizeOf(shape)).fill(number))
    this.#shared.filled.set(key, value)
    return value
  }

  /** Records a call and returns its outputs, without any gradient. An undefined input is an omitted optional one. */
  emit(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly OutputType[],
    options: EmitOptions = {},
  ): Value[] {
    const values = outputs.map(({ type, shape }) => this.#value(type, shape, this.#freshName(operator)))
    this.nodes.push({
      operator,
      domain: options.domain ?? '',
      inputs: inputs.map((input) => input?.name ?? ''),
      outputs: values.map(({ name }) => name),
      attributes: options.attributes ?? {},
    })
    return values
  }

  /** Tells the tape how `outputs` follow from `inputs`. Without a rule, a gradient that arrives there is an error. */
  record(operator: string, inputs: readonly Value[], outputs: readonly Value[], gradient?: GradientRule): void {
    const entry: TapeEntry = { order: this.#shared.order++, operator, inputs, outputs, gradient }
    for (const output of outputs) output.origin.entry = entry
  }

  /** The same tensor under a value of its own that the tape knows nothing about. */
  detached(value: Value): Value {
    return { ...value, origin: { entry: undefined } }
  }

  #value(type: ElementType, shape: Shape, name: string): Value {
    return { graph: this, name, type, shape, origin: { entry: undefined } }
  }

  #freshName(stem: string): string {
    return `${stem}_${this.#shared.names++}`
  }
}

/**
 * The graph in which a call on these values belongs: the innermost of theirs. What a loop's body computes from outer
 * values alone is thus recorded outside, once.
 */
export const graphOf = (...values: readonly (Value | undefined)[]): Graph => {
  const graphs = values.flatMap((value) => (value === undefined ? [] : [value.graph]))
  const innermost = graphs.reduce((deepest, graph) => (graph.depth > deepest.depth ? graph : deepest))
  return innermost
}
