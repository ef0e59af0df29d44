import { expect, onTestFinished, test } from 'vitest'
import { initialParameters } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { TrainingState } from '../../../workers/tensor/training-state.ts'
import { codebooksIn, openLatentCodebooks } from '../../../workers/tokenizer/latent-codebooks.ts'
import { rqVaeModel } from '../../../workers/tokenizer/rq-vae-loss.ts'
import { normals } from './support.ts'

const shape = { dimensions: 3, hidden: [4], latentDimensions: 2, levels: 2, codebookSize: 4, commitment: 0.25 }
const { layout } = rqVaeModel(shape, 8)
const inputs = normals(3 * 100, 'latent')
const codebooksAt = layout.size - shape.levels * shape.codebookSize * shape.latentDimensions

async function opened() {
  const latentCodebooks = await openLatentCodebooks(shape, layout)
  onTestFinished(() => latentCodebooks.release())
  const parameters = initialParameters(layout, 1)
  await latentCodebooks.start(parameters, inputs, { iterations: 10, seed: 1 })
  return { latentCodebooks, parameters }
}

const stateOf = (parameters: Float32Array): TrainingState =>
  new TrainingState({
    parameters,
    firstMoment: new Float32Array(layout.size).fill(1),
    secondMoment: new Float32Array(layout.size).fill(2),
    step: 7,
  })

test('codebooks start as clusters of latent vectors, the network stays as it is', async () => {
  const { parameters } = await opened()
  const before = initialParameters(layout, 1)
  expect(parameters.subarray(0, codebooksAt)).toEqual(before.subarray(0, codebooksAt))
  const { data, sizes } = codebooksIn(parameters, shape, layout)
  expect(sizes).toEqual([4, 4])
  expect(new Set(data).size).toBe(16)
})

test('nothing changes while every entry is in use', async () => {
  const { latentCodebooks, parameters } = await opened()
  const state = stateOf(parameters)
  expect(await latentCodebooks.revive(state, inputs, new Random(2))).toBe(state)
})

test('an entry that nothing uses comes back to the points and loses its momentum; the others keep both', async () => {
  const { latentCodebooks, parameters } = await opened()
  // The last entry of the last level.
  const lost = layout.size - 2
  parameters.fill(1000, lost)
  const revived = (await latentCodebooks.revive(stateOf(parameters), inputs, new Random(2))).snapshot()
  expect(revived.step).toBe(7)
  expect(revived.parameters.subarray(0, lost)).toEqual(parameters.subarray(0, lost))
  expect(Math.max(...revived.parameters.subarray(lost).map(Math.abs))).toBeLessThan(10)
  expect([...revived.firstMoment.subarray(lost - 2)]).toEqual([1, 1, 0, 0])
  expect([...revived.secondMoment.subarray(lost - 2)]).toEqual([2, 2, 0, 0])
})
