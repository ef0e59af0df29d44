// Turns a graph into the bytes of an ONNX ModelProto (IR version 9, opset 18, com.microsoft 1). Field numbers are those
// of onnx/onnx.proto. Nodes that no output needs are left out. Little-endian machines only, as raw_data is little-endian.

import type { Attribute, ElementType, Graph, Node, TensorData, Value } from './graph.ts'
import { ProtobufMessage } from './protobuf.ts'

const irVersion = 9
const opsets = { '': 18, 'com.microsoft': 1 }
const elementCodes: Record<ElementType, number> = { float32: 1, int32: 6, int64: 7, bool: 9 }
const externalLocation = 1
const attributeTypes = { float: 1, integer: 2, text: 3, graph: 5, integers: 7 }

const message = (): ProtobufMessage => new ProtobufMessage()

const bodiesOf = (node: Node): Graph[] =>
  Object.values(node.attributes).flatMap((attribute) =>
    typeof attribute === 'object' && 'graph' in attribute ? [attribute.graph] : [],
  )

interface LiveGraph {
  readonly nodes: readonly Node[]
  /** Names that this graph reads and does not make: constants, and for a loop's body the values around it. */
  readonly free: ReadonlySet<string>
}

/** The nodes that the outputs need, in order. */
const liveGraph = (graph: Graph): LiveGraph => {
  const needed = new Set([...graph.outputs.values()].map(({ name }) => name))
  const nodes: Node[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue
    nodes.push(node)
    for (const name of node.outputs) needed.delete(name)
    for (const name of node.inputs) if (name !== '') needed.add(name)
    for (const body of bodiesOf(node)) for (const name of liveGraph(body).free) needed.add(name)
  }
  for (const { name } of graph.inputs.values()) needed.delete(name)
  return { nodes: nodes.reverse(), free: needed }
}

const writeAttribute = (name: string, attribute: Attribute, rename: ReadonlyMap<string, string>): ProtobufMessage => {
  const proto = message().text(1, name)
  if (typeof attribute === 'number') return proto.integer(3, attribute).integer(20, attributeTypes.integer)
  if (typeof attribute === 'string') return proto.text(4, attribute).integer(20, attributeTypes.text)
  if ('float' in attribute) return proto.float(2, attribute.float).integer(20, attributeTypes.float)
  if ('graph' in attribute)
    return proto.message(6, writeGraph(attribute.graph, rename)).integer(20, attributeTypes.graph)
  for (const number of attribute) proto.integer(8, number)
  return proto.integer(20, attributeTypes.integers)
}

const writeNode = (node: Node, rename: ReadonlyMap<string, string>): ProtobufMessage => {
  const proto = message()
  for (const input of node.inputs) proto.text(1, rename.get(input) ?? input)
  for (const output of node.outputs) proto.text(2, rename.get(output) ?? output)
  proto.text(4, node.operator)
  for (const [name, attribute] of Object.entries(node.attributes))
    proto.message(5, writeAttribute(name, attribute, rename))
  return node.domain === '' ? proto : proto.text(7, node.domain)
}

/** Weights that lie in a file beside the model: constants that are views of `data` are written as references to it. */
export interface ExternalWeights {
  /** File name relative to the model's. */
  readonly location: string
  readonly data: Float32Array
}

const external = ({ location, data }: ExternalWeights, view: TensorData['data']): ProtobufMessage[] => {
  const facts = { location, offset: view.byteOffset - data.byteOffset, length: view.byteLength }
  return Object.entries(facts).map(([key, fact]) => message().text(1, key).text(2, String(fact)))
}

const writeTensor = (name: string, { type, shape, data }: TensorData, weights?: ExternalWeights): ProtobufMessage => {
  const proto = message()
  for (const dimension of shape) proto.integer(1, dimension)
  proto.integer(2, elementCodes[type]).text(8, name)
  if (weights?.data.buffer !== data.buffer)
    return proto.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  for (const entry of external(weights, data)) proto.message(13, entry)
  return proto.integer(14, externalLocation)
}

const writeValueInfo = (name: string, { type, shape }: Value): ProtobufMessage => {
  const dimensions = message()
  for (const dimension of shape) {
    const proto = message()
    dimensions.message(1, typeof dimension === 'number' ? proto.integer(1, dimension) : proto.text(2, dimension))
  }
  const tensor = message().integer(1, elementCodes[type]).message(2, dimensions)
  return message().text(1, name).message(2, message().message(1, tensor))
}

interface NamedOutputs {
  /** New names for values, for this graph and all within it. */
  readonly rename: ReadonlyMap<string, string>
  readonly copies: readonly Node[]
  readonly outputs: readonly (readonly [string, Value])[]
}

/**
 * A node's output takes the output's name itself, at the root; what is no node's output, or is given out twice, is
 * copied by an Identity node. The outputs of a loop's body are known by position, so there values keep their names.
 */
const nameOutputs = (graph: Graph, nodes: readonly Node[], inherited: ReadonlyMap<string, string>): NamedOutputs => {
  const free = new Set(nodes.flatMap(({ outputs }) => outputs))
  const rename = new Map(inherited)
  const copies: Node[] = []
  const outputs: [string, Value][] = []
  for (const [name, value] of graph.outputs) {
    const isRoot = graph.parent === undefined
    const direct = isRoot ? name : value.name
    if (free.delete(value.name)) {
      rename.set(value.name, direct)
      outputs.push([direct, value])
      continue
    }
    const copy = isRoot ? name : `${name}_${value.name}`
    copies.push({ operator: 'Identity', domain: '', inputs: [value.name], outputs: [copy], attributes: {} })
    outputs.push([copy, value])
  }
  return { rename, copies, outputs }
}

const writeGraph = (
  graph: Graph,
  inherited: ReadonlyMap<string, string>,
  weights?: ExternalWeights,
): ProtobufMessage => {
  const { nodes, free } = liveGraph(graph)
  const { rename, copies, outputs } = nameOutputs(graph, nodes, inherited)
  const proto = message()
  for (const node of [...nodes, ...copies]) proto.message(1, writeNode(node, rename))
  proto.text(2, graph.parent === undefined ? 'main' : 'body')
  if (graph.parent === undefined)
    for (const name of free) proto.message(5, writeTensor(name, constantOf(graph, name), weights))
  for (const value of graph.inputs.values()) proto.message(11, writeValueInfo(value.name, value))
  for (const [name, value] of outputs) proto.message(12, writeValueInfo(name, value))
  return proto
}

const constantOf = (graph: Graph, name: string): TensorData => {
  const constant = graph.constants.get(name)
  if (constant === undefined) throw new Error(`Graph value ${name} is used and never made: is it of another graph?`)
  return constant
}

/** The model's bytes, ready for an inference session or a file; several models may refer to the same weights. */
export const writeModel = (graph: Graph, weights?: ExternalWeights): Uint8Array => {
  if (graph.outputs.size === 0) throw new Error('The graph has no output')
  const model = message()
    .integer(1, irVersion)
    .text(2, 'adloom')
    .message(7, writeGraph(graph, new Map(), weights))
  for (const [domain, version] of Object.entries(opsets))
    model.message(8, message().text(1, domain).integer(2, version))
  return model.finish()
}
