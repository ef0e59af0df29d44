import { expect, onTestFinished, test, vi } from 'vitest'
import { CatalogueScores } from '../../../../workers/decoding/one-ranker/catalogue-scores.ts'
import { RankedModel } from '../../../../workers/decoding/one-ranker/ranked-model.ts'
import { tinyOneRanker } from './tiny-model.ts'

const options = { threads: 1, maxBatch: 4 }

/** The scores of the catalogue cannot be loaded the first time that they are asked for. */
function failOnce() {
  const create = vi.spyOn(CatalogueScores, 'create').mockRejectedValueOnce(new Error('no memory'))
  onTestFinished(() => create.mockRestore())
  return create
}

test('scores of the catalogue that could not be loaded are loaded for who asks next', async () => {
  const create = failOnce()
  const model = await RankedModel.create(tinyOneRanker(), options)
  await expect(model.catalogueScores()).rejects.toThrow('no memory')
  const scores = await model.catalogueScores()
  expect(await model.catalogueScores()).toBe(scores)
  expect(create).toHaveBeenCalledTimes(2)
  const [user] = await model.ranker.encode([model.historyOf({ history: Uint32Array.of(1, 2) })])
  for await (const heads of scores.scores([user]))
    expect(heads.flatMap((head) => [...head]).every(Number.isFinite)).toBe(true)
  await model.release()
})

test('a model whose catalogue could not be loaded is released', async () => {
  failOnce()
  const model = await RankedModel.create(tinyOneRanker(), options)
  const released = vi.spyOn(model.ranker, 'release')
  await expect(model.catalogueScores()).rejects.toThrow('no memory')
  await expect(model.release()).resolves.toBeUndefined()
  expect(released).toHaveBeenCalledOnce()
})
