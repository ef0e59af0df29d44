// The gradient of a training model against central differences, a random direction for each of its parameters.

import { expect } from 'vitest'
import { Graph } from '../../../../workers/tensor/graph.ts'
import { writeModel } from '../../../../workers/tensor/onnx-writer.ts'
import { parametersOf } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { float32, Session, type Tensors } from '../../../../workers/tensor/session.ts'
import { evaluationStep, flatGradient, type TrainingModel } from '../../../../workers/tensor/training-step.ts'
import { stencil } from '../../tensor/support/gradient-check.ts'

const stepSize = 0.04

/** The flat gradient of the loss. */
export const gradientOf = async (
  model: TrainingModel,
  parameters: Float32Array,
  batch: Tensors,
): Promise<Float32Array> => {
  const graph = new Graph()
  const flat = graph.input('parameters', 'float32', [model.layout.size])
  const inputs = Object.entries(model.inputs).map(([name, { type, shape }]) => [name, graph.input(name, type, shape)])
  const named = parametersOf(flat, model.layout)
  const { loss } = model.loss(named, Object.fromEntries(inputs))
  graph.output(
    'gradient',
    flatGradient(loss, named, model.layout, () => true),
  )
  const session = await Session.create(writeModel(graph), { threads: 1 })
  const { gradient } = await session.run({ ...batch, parameters: float32([parameters.length], parameters) })
  await session.release()
  return gradient.data as Float32Array
}

/** @returns names of the parameters that the loss does not depend on here */
export async function checkModelGradients(
  model: TrainingModel,
  parameters: Float32Array,
  batch: Tensors,
  tolerance = 4e-3,
): Promise<string[]> {
  const tensors = { ...batch, parameters: float32([parameters.length], parameters) }
  const gradient = await gradientOf(model, parameters, batch)
  const session = await Session.create(evaluationStep(model), { threads: 1 })
  const still: string[] = []
  try {
    for (const { name, offset, size } of model.layout.parameters) {
      const random = new Random('direction', name)
      const direction = Float32Array.from({ length: size }, () => random.normal())
      const length = Math.hypot(...direction)
      let numeric = 0
      for (const [step, weight] of stencil) {
        const moved = parameters.slice()
        for (let index = 0; index < size; index++)
          moved[offset + index] += (step * stepSize * direction[index]) / length
        const { loss } = await session.run({ ...tensors, parameters: float32([moved.length], moved) })
        numeric += (weight * Number(loss.data[0])) / stepSize
      }
      const along = direction.reduce((sum, each, index) => sum + (each * gradient[offset + index]) / length, 0)
      expect(Math.abs(along - numeric) / Math.max(1, Math.abs(numeric)), name).toBeLessThan(tolerance)
      if (gradient.subarray(offset, offset + size).every((each) => each === 0)) still.push(name)
    }
    return still
  } finally {
    await session.release()
  }
}
