// Weights to start from, taken from a model that was trained before: parameters by name and shape, rows of items by
// the item's id, since another revision of the data numbers items anew.

import { initialParameters, type Parameter, unpack } from '../tensor/parameters.ts'
import { meaningOf, type RankerShape, rankerLayout } from './architecture.ts'
import type { ModelDescription, RankerModel } from './model-artifact.ts'

export type Parent = Pick<RankerModel, 'architecture' | 'shape' | 'parameters' | 'itemIds' | 'vocabulary'>

export interface Child {
  readonly shape: RankerShape
  readonly itemIds: readonly string[]
  readonly vocabulary: string | undefined
  readonly seed: number
}

export interface WarmStart {
  /** In the layout of the child. */
  readonly parameters: Float32Array
  /** Numbers among them that are the parent's, and that are as without a parent. */
  readonly takenParameters: number
  readonly initialParameters: number
  /** Items that the parent does not know. */
  readonly newItems: number
  /** Names of parameters that were left whole, by why. */
  readonly left: { readonly notInParent: string[]; readonly otherSize: string[]; readonly otherVocabulary: string[] }
}

/** Why nothing can be taken: all that a model learns lies in vectors of its hidden size. Undefined: something can. */
export const whyNothingFits = (
  architecture: ModelDescription['architecture'],
  shape: RankerShape,
  parent: Parent,
): string | undefined => {
  if (parent.architecture !== architecture)
    return `the parent's architecture is ${parent.architecture}, that of spec.model ${architecture}`
  if (parent.shape.hiddenSize !== shape.hiddenSize)
    return `the parent's hiddenSize is ${parent.shape.hiddenSize}, that of spec.model ${shape.hiddenSize}`
  return undefined
}

/** What is not told may be anything. */
const sameVocabulary = (vocabulary: string | undefined, parent: Pick<Parent, 'vocabulary'>): boolean =>
  vocabulary !== undefined && parent.vocabulary === vocabulary

/** Whether codes are scored by content in the parent's own directions: only there its weights mean the same. */
export const sharesContent = (
  shape: RankerShape,
  vocabulary: string | undefined,
  parent: Pick<Parent, 'shape' | 'vocabulary'>,
): boolean => sameVocabulary(vocabulary, parent) && parent.shape.contentDimensions === shape.contentDimensions

const copyRows = (target: Float32Array, source: Float32Array, places: Int32Array, width: number): number => {
  let taken = 0
  places.forEach((place, row) => {
    if (place < 0) return
    target.set(source.subarray(place * width, (place + 1) * width), row * width)
    taken += width
  })
  return taken
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis])

/** The start of a child. What its parent lacks, or has in another size or of another vocabulary, starts as usual. */
export const warmStart = ({ shape, itemIds, vocabulary, seed }: Child, parent: Parent): WarmStart => {
  const layout = rankerLayout(shape)
  const parameters = initialParameters(layout, seed)
  const known = new Map(rankerLayout(parent.shape).parameters.map((parameter) => [parameter.name, parameter]))
  const values = unpack(parent.parameters, rankerLayout(parent.shape))
  const placeOf = new Map(parent.itemIds.map((id, index) => [id, index]))
  const places = Int32Array.from(itemIds, (id) => placeOf.get(id) ?? -1)
  const left = { notInParent: [] as string[], otherSize: [] as string[], otherVocabulary: [] as string[] }
  const take = ({ name, offset, size, shape: own }: Parameter): number => {
    const source = values.get(name)
    const theirs = known.get(name)?.shape
    const meaning = meaningOf(name)
    if (source === undefined || theirs === undefined) left.notInParent.push(name)
    else if (meaning === 'vocabulary' && !sameVocabulary(vocabulary, parent)) left.otherVocabulary.push(name)
    else if (meaning === 'items' && theirs[1] === own[1])
      return copyRows(parameters.subarray(offset, offset + size), source, places, own[1])
    else if (!sameShape(theirs, own)) left.otherSize.push(name)
    else {
      parameters.set(source, offset)
      return size
    }
    return 0
  }
  const takenParameters = layout.parameters.reduce((sum, parameter) => sum + take(parameter), 0)
  const newItems = places.filter((place) => place < 0).length
  return { parameters, takenParameters, initialParameters: layout.size - takenParameters, newItems, left }
}
