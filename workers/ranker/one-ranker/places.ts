// Where OneRanker drops activations in training.

import type { DropoutPlace } from '../dropout.ts'
import { type OneRankerShape, refinementTokens, streamPositions, taskCount } from './shape.ts'

const refinementPlaces = (shape: OneRankerShape, batch: number): DropoutPlace[] => {
  const { hiddenSize, refinementLayers, fakeItems } = shape
  const rows = [batch * refinementTokens(shape), hiddenSize]
  return Array.from({ length: refinementLayers }, (_, layer) => [
    { name: `refinement.${layer}.cross`, shape: rows },
    { name: `refinement.${layer}.self`, shape: rows },
    { name: `refinement.${layer}.tasks`, shape: [batch, taskCount(shape), hiddenSize] },
    ...(fakeItems === 0 ? [] : [{ name: `refinement.${layer}.fakes`, shape: [batch * fakeItems, hiddenSize] }]),
  ]).flat()
}

const rankerPlaces = ({ hiddenSize, rankerLayers }: OneRankerShape, batch: number, candidates: number) =>
  Array.from({ length: rankerLayers }, (_, layer): DropoutPlace[] => {
    const place = (part: string, rows: number) => ({ name: `ranker.${layer}.${part}`, shape: [rows, hiddenSize] })
    return [
      place('task.cross', batch),
      ...(layer === rankerLayers - 1 ? [] : [place('task.self', batch), place('task.fed', batch)]),
      place('cross', batch * candidates),
      place('self', batch * candidates),
      place('fed', batch * candidates),
    ]
  }).flat()

/** All places of a batch of requests with so many candidates each; 0: step 3 is not run. */
export const oneRankerPlaces = (shape: OneRankerShape, batch: number, candidates: number): DropoutPlace[] => {
  const rows = [batch * streamPositions(shape), shape.hiddenSize]
  return [
    { name: 'generator.input', shape: rows },
    ...Array.from({ length: shape.layers }, (_, layer) => ({ name: `generator.${layer}.mixed`, shape: rows })),
    ...(shape.refinement ? refinementPlaces(shape, batch) : []),
    ...(shape.ranking && candidates > 0 ? rankerPlaces(shape, batch, candidates) : []),
  ]
}
