import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { specOf, TABLES } from '../../data/market/table-support.ts'
import { smallWorld } from '../staged/small-world.ts'
import { inputsOf, smallSpec } from './small-run.ts'

/** Inputs of a run over these tables. */
async function inputsOver(tables: Partial<typeof TABLES>) {
  const world = await smallWorld(await specOf(tables), false)
  onTestFinished(() => rm(world.folder, { recursive: true, force: true }))
  return inputsOf(world, smallSpec({ reward: {} }))
}

/** One request of each part. */
const requests = TABLES.requests.filter(({ id }) => id !== 'r-nobody')

test('bids are counted in their mean over the training part: what is tested has no part in it', async () => {
  expect((await inputsOver({ ...TABLES, requests })).auction.bidUnit).toBe(4)
})

test('or over the ads themselves where no request of the training part bids', async () => {
  const bare = requests.map((row) => (row.id === 'r-train' ? { ...row, ads: [], bids: [] } : row))
  expect((await inputsOver({ ...TABLES, requests: bare })).auction.bidUnit).toBe((0.5 + 2) / 2)
})

test('a model without a payment stage prices by GSP, and says what it lacks', async () => {
  const { auction, model, shapes } = await inputsOver({ ...TABLES, requests })
  expect(auction.paymentRule).toBe('GSP')
  expect(model.shapes).toMatchObject({ generator: null, payment: null, reward: { conversions: true } })
  expect(shapes.generator.creatives).toBeUndefined()
})
