// One training step as one graph: forward, backward and AdamW. Graphs for other batch shapes take the same flat vectors.

import { gradients } from './autodiff.ts'
import { expand, reshape } from './broadcasting.ts'
import { loop } from './control-flow.ts'
import { type ElementType, Graph, type Value } from './graph.ts'
import { gather } from './indexing.ts'
import { concat } from './layout.ts'
import { writeModel } from './onnx-writer.ts'
import { type AdamW, adamW } from './optimizer.ts'
import { type ParameterLayout, type Parameters, parametersOf } from './parameters.ts'

export interface InputSpec {
  readonly type: ElementType
  readonly shape: readonly number[]
}

export interface Losses {
  /** The scalar to minimise. */
  readonly loss: Value
  /** What else to report of each step, by output name. */
  readonly metrics?: Readonly<Record<string, Value>>
}

/** A loss as a function of parameters and a batch, both values of a graph. */
export interface TrainingModel {
  readonly layout: ParameterLayout
  readonly inputs: Readonly<Record<string, InputSpec>>
  loss(parameters: Parameters, batch: Readonly<Record<string, Value>>): Losses
}

export interface TrainingOptions {
  readonly optimizer: AdamW
  /** Names of the parameters to train; all unless said. The others stay as they are. */
  readonly trained?: (name: string) => boolean
}

/** The gradient of the loss as one vector in the layout's order, with zeros for what is not trained. */
export const flatGradient = (
  loss: Value,
  parameters: Parameters,
  layout: ParameterLayout,
  trained: (name: string) => boolean,
): Value => {
  const chosen = layout.parameters.filter(({ name }) => trained(name))
  const found = gradients(
    loss,
    chosen.map(({ name }) => parameters(name)),
  )
  const byName = new Map(chosen.map(({ name }, index) => [name, found[index]]))
  const pieces = layout.parameters.map(({ name, size }) => {
    const gradient = byName.get(name)
    return gradient === undefined ? expand(loss.graph.scalar(0), [size]) : reshape(gradient, [size])
  })
  return concat(pieces, 0)
}

interface StepState {
  readonly parameters: Value
  readonly firstMoment: Value
  readonly secondMoment: Value
}

interface StepRates {
  readonly learningRate: Value
  readonly firstCorrection: Value
  readonly secondCorrection: Value
}

interface StepResult extends StepState, Losses {
  readonly gradientNorm: Value
}

/** Emits one step on values that are there already: the body of both the single step and the loop. */
const emitStep = (
  model: TrainingModel,
  { optimizer, trained = () => true }: TrainingOptions,
  state: StepState,
  rates: StepRates,
  batch: Readonly<Record<string, Value>>,
): StepResult => {
  const parameters = parametersOf(state.parameters, model.layout)
  const losses = model.loss(parameters, batch)
  const gradient = flatGradient(losses.loss, parameters, model.layout, trained)
  const update = adamW({ ...state, ...rates, gradient }, model.layout, optimizer, trained)
  return { ...losses, ...update }
}

const mapValues = <Name extends string, From, To>(
  record: Readonly<Record<Name, From>>,
  change: (value: From, name: string) => To,
): Record<Name, To> => {
  const entries = Object.entries(record) as [Name, From][]
  return Object.fromEntries(entries.map(([name, value]) => [name, change(value, name)])) as Record<Name, To>
}

const number: InputSpec = { type: 'float32', shape: [] }
const rateSpecs = { learningRate: number, firstCorrection: number, secondCorrection: number }

/** Flat-state inputs of a step graph and the outputs that hold their next values. */
const stateNames = {
  parameters: 'nextParameters',
  firstMoment: 'nextFirstMoment',
  secondMoment: 'nextSecondMoment',
} as const

const inputState = (graph: Graph, size: number): StepState => ({
  parameters: graph.input('parameters', 'float32', [size]),
  firstMoment: graph.input('firstMoment', 'float32', [size]),
  secondMoment: graph.input('secondMoment', 'float32', [size]),
})

const outputState = (graph: Graph, state: StepState): void => {
  graph.output(stateNames.parameters, state.parameters)
  graph.output(stateNames.firstMoment, state.firstMoment)
  graph.output(stateNames.secondMoment, state.secondMoment)
}

/**
 * The step graph. Inputs: parameters, firstMoment, secondMoment [size]; learningRate, firstCorrection,
 * secondCorrection []; the model's batch inputs. Outputs: nextParameters, nextFirstMoment, nextSecondMoment [size];
 * loss, gradientNorm []; the model's metrics.
 */
export const trainingGraph = (model: TrainingModel, options: TrainingOptions): Graph => {
  const graph = new Graph()
  const state = inputState(graph, model.layout.size)
  const declare = ({ type, shape }: InputSpec, name: string) => graph.input(name, type, shape)
  const result = emitStep(model, options, state, mapValues(rateSpecs, declare), mapValues(model.inputs, declare))
  outputState(graph, result)
  graph.output('loss', reshape(result.loss, []))
  graph.output('gradientNorm', result.gradientNorm)
  for (const [name, value] of Object.entries(result.metrics ?? {})) graph.output(name, value)
  return graph
}

/** The bytes of `trainingGraph`. */
export const trainingStep = (model: TrainingModel, options: TrainingOptions): Uint8Array =>
  writeModel(trainingGraph(model, options))

/**
 * As many steps in one run: worth it where a step is short, or where the state would cross a bus for each. Inputs as for
 * the single step, but learningRate, firstCorrection, secondCorrection [steps] and each batch input [steps, ...];
 * loss, gradientNorm and metrics come out with the same first axis.
 */
export const trainingLoop = (model: TrainingModel, options: TrainingOptions, steps: number): Uint8Array => {
  const graph = new Graph()
  const { parameters, firstMoment, secondMoment } = inputState(graph, model.layout.size)
  const stacked = ({ type, shape }: InputSpec, name: string) => graph.input(name, type, [steps, ...shape])
  const rates = mapValues(rateSpecs, stacked)
  const batches = mapValues(model.inputs, stacked)
  let metricNames: string[] = []
  const rounds = loop(graph, steps, [parameters, firstMoment, secondMoment], (iteration, [p, m, v]) => {
    const at = (value: Value): Value => gather(value, iteration)
    const state = { parameters: p, firstMoment: m, secondMoment: v }
    const result = emitStep(model, options, state, mapValues(rates, at), mapValues(batches, at))
    const metrics = Object.entries(result.metrics ?? {})
    metricNames = metrics.map(([name]) => name)
    return {
      carried: [result.parameters, result.firstMoment, result.secondMoment],
      collected: [reshape(result.loss, []), result.gradientNorm, ...metrics.map(([, value]) => value)],
    }
  })
  const [nextParameters, nextFirstMoment, nextSecondMoment] = rounds.carried
  outputState(graph, { parameters: nextParameters, firstMoment: nextFirstMoment, secondMoment: nextSecondMoment })
  for (const [index, name] of ['loss', 'gradientNorm', ...metricNames].entries())
    graph.output(name, rounds.collected[index])
  return writeModel(graph)
}

/** The loss and metrics alone, from the flat parameters: for validation. Input parameters [size]; output loss, metrics. */
export const evaluationStep = (model: TrainingModel): Uint8Array => {
  const graph = new Graph()
  const flat = graph.input('parameters', 'float32', [model.layout.size])
  const batch = mapValues(model.inputs, ({ type, shape }, name) => graph.input(name, type, shape))
  const { loss, metrics } = model.loss(parametersOf(flat, model.layout), batch)
  graph.output('loss', reshape(loss, []))
  for (const [name, value] of Object.entries(metrics ?? {})) graph.output(name, value)
  return writeModel(graph)
}
