// Compares gradients from the tape with central differences of the same graph, run by ONNX Runtime.

import fc from 'fast-check'
import { expect } from 'vitest'
import { gradients } from '../../../../workers/tensor/autodiff.ts'
import type { Graph, Value } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { mul, reduceSum } from '../../../../workers/tensor/operators.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { sizeOf } from '../../../../workers/tensor/shapes.ts'
import { graphOn, runModel } from './run-graph.ts'

export type Build = (values: Readonly<Record<string, Value>>, graph: Graph) => Value

/** With inputs of order one the error in float32 is about 1e-4. */
const stepSize = 0.03
/** Central differences at five points: offsets in steps, and their weights. */
export const stencil = [
  [-2, 1 / 12],
  [-1, -8 / 12],
  [1, 8 / 12],
  [2, -1 / 12],
] as const

/** A sum of the output's elements, each with a factor of its own, so that no two can stand in for each other. */
const weightedSum = (output: Value): Value => {
  const random = new Random('weights', output.shape.length)
  const size = sizeOf(output.shape)
  const factors = output.graph.constant(
    'float32',
    output.shape.map(Number),
    Float32Array.from({ length: size }, () => random.normal()),
  )
  return reduceSum(mul(output, factors))
}

const differences = async (session: Session, tensors: Tensors, name: string): Promise<Float64Array> => {
  const original = tensors[name].data as Float32Array
  const result = new Float64Array(original.length)
  for (let index = 0; index < original.length; index++) {
    for (const [offset, weight] of stencil) {
      const moved = original.slice()
      moved[index] += offset * stepSize
      const distance = moved[index] - original[index]
      const { loss } = await session.run({ ...tensors, [name]: float32(tensors[name].shape, moved) })
      result[index] += (weight * Number(loss.data[0]) * offset) / distance
    }
  }
  return result
}

/** Checks the gradient of every float input of `build`. */
export const checkGradients = async (tensors: Tensors, build: Build, tolerance = 2e-3): Promise<void> => {
  const floats = Object.keys(tensors).filter((name) => tensors[name].type === 'float32')
  const forward = graphOn(tensors, (values, graph) => ({ loss: weightedSum(build(values, graph)) }))
  const backward = graphOn(tensors, (values, graph) => {
    const found = gradients(
      weightedSum(build(values, graph)),
      floats.map((name) => values[name]),
    )
    return Object.fromEntries(floats.map((name, index) => [`gradient of ${name}`, found[index]]))
  })
  const analytic = await runModel(writeModel(backward), tensors)
  const session = await Session.create(writeModel(forward), { threads: 1 })
  try {
    for (const name of floats) {
      const numeric = await differences(session, tensors, name)
      const scale = Math.max(1, ...numeric.map(Math.abs))
      const actual = analytic[`gradient of ${name}`]
      expect(actual.shape).toEqual(tensors[name].shape)
      for (const [index, expected] of numeric.entries())
        expect(Math.abs(Number(actual.data[index]) - expected) / scale, `${name}[${index}]`).toBeLessThan(tolerance)
    }
  } finally {
    await session.release()
  }
}

/** Uniform in [from, to). */
export const uniform = (seed: number, shape: readonly number[], from = -1.5, to = 1.5) => {
  const random = new Random('values', seed)
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => from + (to - from) * random.uniform()),
  )
}

/** Distinct values of both signs at least 0.2 apart and 0.1 away from zero: for operators with kinks there. */
export const spread = (seed: number, shape: readonly number[]) => {
  const size = sizeOf(shape)
  const order = new Random('spread', seed).permutation(size)
  return float32(
    shape,
    Float32Array.from(order, (rank) => (rank - Math.floor(size / 2)) * 0.2 + 0.1),
  )
}

export const seeds = fc.integer({ min: 0, max: 1_000_000 })
export const shapes = (minRank = 1, maxRank = 3) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: minRank, maxLength: maxRank })

/** Two shapes that broadcast with each other. */
export const broadcastable = fc
  .tuple(
    shapes(1, 3),
    fc.array(fc.constantFrom('both', 'left', 'right'), { minLength: 3, maxLength: 3 }),
    fc.nat(2),
    fc.boolean(),
  )
  .map(([shape, ones, dropped, swap]) => {
    const left = shape.map((dimension, axis) => (ones[axis] === 'left' ? 1 : dimension))
    const right = shape
      .map((dimension, axis) => (ones[axis] === 'right' ? 1 : dimension))
      .slice(Math.min(dropped, shape.length - 1))
    return swap ? [right, left] : [left, right]
  })

/** Runs an asynchronous property a few times; fast-check prints seed and counterexample on failure. */
export const holds = <Arguments extends [unknown, ...unknown[]]>(
  arbitraries: { [Index in keyof Arguments]: fc.Arbitrary<Arguments[Index]> },
  property: (...values: Arguments) => Promise<void>,
  runs = 12,
): Promise<void> => fc.assert(fc.asyncProperty(...arbitraries, property), { numRuns: runs })
