import { expect, test } from 'vitest'
import { noUser } from '../../../../workers/data/market/market.ts'
import { catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import type { CandidatePool } from '../../../../workers/ranker/one-ranker/candidate-sets.ts'
import { OwnCandidates } from '../../../../workers/ranker/one-ranker/own-candidates.ts'
import { candidateTensors, sampleTensors, streamHistory } from '../../../../workers/ranker/one-ranker/sample-tensors.ts'
import { streamInputs } from '../../../../workers/ranker/one-ranker/stream.ts'
import { candidateInputs, targetInputs } from '../../../../workers/ranker/one-ranker/training-model.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { smallData } from './small-market.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { wholeModel } from './whole-graph.ts'

const itemCount = 16
const pool: CandidatePool = {
  count: 5,
  shown: 1,
  items: Uint32Array.of(7, 2, 9, 4, 11),
  isAd: Uint8Array.of(0, 1, 1, 1, 0),
  value: Float64Array.of(1, 2, Math.E, 4, 0.1),
  logged: Float64Array.of(3),
}

test('candidates lie side by side, what is padding or without a label is masked', () => {
  const row = { pool, places: [0, 2], labels: [0.5, Number.NaN] }
  const tensors = candidateTensors([row], 2, 3)
  const listed = (name: string) => Array.from(tensors[name].data as Float32Array)
  expect(listed(candidateInputs.items)).toEqual([7, 9, 0, 0, 0, 0])
  expect(listed(candidateInputs.isAd)).toEqual([0, 1, 0, 0, 0, 0])
  expect(listed(candidateInputs.logValue)).toEqual([0, 1, 0, 0, 0, 0])
  expect(listed(candidateInputs.label)).toEqual([0.5, 0, 0, 0, 0, 0])
  expect(listed(candidateInputs.labelled)).toEqual([1, 0, 0, 0, 0, 0])
  expect(listed(candidateInputs.present)).toEqual([1, 1, 0, 0, 0, 0])
})

test('a history reaches one behaviour further back than is read, for its time', () => {
  const dataset = {
    events: Uint32Array.of(9, 1, 2, 3, 4),
    offsets: Uint32Array.of(0, 1, 5),
    times: Float64Array.of(0, 10, 20, 30, 40),
  }
  const isAd = Uint8Array.of(0, 0, 1, 0, 0)
  const asked = { user: 1, historyEnd: 3, time: 50 }
  const { items, isAd: ads, times, time } = streamHistory({ dataset, isAd }, asked, 1)
  expect([[...items], Array.from(ads ?? [], Number), Array.from(times ?? []), time]).toEqual([
    [2, 3],
    [1, 0],
    [20, 30],
    50,
  ])
  expect([...streamHistory({ dataset, isAd }, asked, 8).items]).toEqual([1, 2, 3])
  expect([...streamHistory({ dataset, isAd }, { ...asked, user: noUser }, 8).items]).toEqual([])
})

test('targets are those of the interest heads, then the value target for each value token', () => {
  const shape = smallOneRanker(itemCount, { interestTokens: 2, valueTokens: 2 })
  const { targets } = smallData(2)
  const samples = targets.validation
  const values = { item: new Int32Array(samples.count).fill(7), weight: new Float32Array(samples.count).fill(0.5) }
  const tensors = sampleTensors(shape, targets, samples, values, { rows: [3], batch: 2 })
  expect(Array.from(tensors[targetInputs.items].data as Int32Array)).toEqual([samples.items[6], 0, 7, 7, 0, 0, 0, 0])
  expect(Array.from(tensors[targetInputs.weights].data as Float32Array)).toEqual([1, 0, 0.5, 0.5, 0, 0, 0, 0])
  expect(Array.from(tensors[streamInputs.length].data as Int32Array)).toEqual([4, 0])
})

test('one row of ten is read without times, as a history that a request tells', () => {
  const shape = smallOneRanker(itemCount)
  const { targets } = smallData(2)
  const rows = Array<number>(10).fill(3)
  const nothing = { item: new Int32Array(99), weight: new Float32Array(99) }
  const tensors = sampleTensors(shape, targets, targets.validation, nothing, { rows, batch: 10 })
  const width = shape.historyLength + 1
  const context = tensors[streamInputs.context].data as Int32Array
  const isKnown = rows.map((_, row) => context.subarray(row * width, (row + 1) * width).some((bucket) => bucket > 0))
  expect(isKnown).toEqual([...Array<boolean>(9).fill(true), false])
  expect(Array.from(tensors[streamInputs.length].data as Int32Array)).toEqual(rows.map(() => 4))
})

test('own candidates are the ads that the value tokens score highest', async () => {
  const shape = smallOneRanker(itemCount)
  const catalogue = smallCatalogue(itemCount)
  const { targets } = smallData(3)
  const nothing = { item: new Int32Array(99), weight: new Float32Array(99) }
  const rows = [0, 5]
  const batch = {
    ...catalogueTensors(shape, catalogue),
    ...sampleTensors(shape, targets, targets.validation, nothing, { rows, batch: 3 }),
  }
  const parameters = roughOneRanker(shape)
  const own = await OwnCandidates.create(shape, batch, 4, 1)
  const pools = [pool, { ...pool, items: Uint32Array.of(7, 12, 5, 3, 11) }]
  const best = await own.best(parameters, batch, pools, 2)
  const whole = await wholeModel(shape, catalogue)
  const histories = rows.map((row) => {
    const { user, historyEnd, time } = targets.validation
    return streamHistory(
      targets,
      { user: user[row], historyEnd: historyEnd[row], time: time[row] },
      shape.historyLength,
    )
  })
  const candidates = pools.map(({ items }) => [...items.subarray(1, 4)])
  const { valueScores } = await whole.run(parameters, { histories, candidates })
  await own.release()
  await whole.release()
  const expected = pools.map((_, row) =>
    [1, 2, 3].sort((a, b) => valueScores[row * 3 + b - 1] - valueScores[row * 3 + a - 1]).slice(0, 2),
  )
  expect(best).toEqual(expected)
})
