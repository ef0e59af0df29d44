import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../../workers/ranker/checkpoint.ts'
import {
  DivergedError,
  initialProgress,
  isFinished,
  type Progress,
  Training,
  type TrainingOptions,
  type TrainingPorts,
} from '../../../workers/ranker/training.ts'
import { datasetOf, randomCatalogue, smallShape } from './support.ts'

const catalogue = randomCatalogue(4, { items: 24, levels: 2, entries: 6 })
const shape = smallShape(catalogue, 6)

/** Everyone walks the same ring of items, from another place. */
const ring = datasetOf(
  Array.from({ length: 40 }, (_, user) =>
    Array.from({ length: 5 + (user % 6) }, (_, place) => (user * 5 + place) % 24),
  ),
  24,
)

const options: TrainingOptions = {
  shape,
  regularization: { dropout: 0.1, labelSmoothing: 0 },
  schedule: { kind: 'cosine', peak: 0.01, warmupSteps: 3 },
  weightDecay: 0.01,
  clipNorm: 1,
  batchSize: 16,
  maxEpochs: 3,
  patienceEpochs: 0,
  seed: 5,
  threads: 1,
}

const quiet: TrainingPorts = {
  validate: async () => ({ ndcg: 0, recall: 0 }),
  stepped: async () => {},
  settled: async () => {},
  epochEnded: () => {},
}

/** Validation whose results are given, epoch by epoch. */
const scripted = (ndcgs: readonly number[]): TrainingPorts['validate'] => {
  let epoch = 0
  return async () => ({ ndcg: ndcgs[epoch++] ?? 0, recall: 0 })
}

describe('training', () => {
  it('learns a pattern', async () => {
    const losses: number[] = []
    const epochEnded: TrainingPorts['epochEnded'] = ({ trainingLoss }) => losses.push(trainingLoss)
    await new Training({ ...options, maxEpochs: 40 }, catalogue, ring, { ...quiet, epochEnded }).run(
      initialProgress(shape, 5),
    )
    expect(losses[0]).toBeGreaterThan(2.5)
    // What remains is where a sequence begins (ln 24 nats), and what dropout hides.
    expect(losses[39]).toBeLessThan(1.5)
  })

  it('ends with the same bytes when it is broken off after any step and resumed from files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'checkpoint-'))
    try {
      const snapshots: Progress[] = []
      const settled: TrainingPorts['settled'] = async (_step, snapshot) => void snapshots.push(snapshot())
      const validate = scripted([0.3, 0.5, 0.4])
      const whole = await new Training(options, catalogue, ring, { ...quiet, validate, settled }).run(
        initialProgress(shape, 5),
      )
      expect(whole.bestEpoch).toBe(2)
      for (const snapshot of snapshots.slice(0, -1)) {
        await writeCheckpoint(directory, snapshot)
        const read = await readCheckpoint({ readFile: (file) => readFile(join(directory, file)) })
        const rest = scripted([0.3, 0.5, 0.4].slice(snapshot.history.length))
        const resumed = await new Training(options, catalogue, ring, { ...quiet, validate: rest }).run(read)
        expect(resumed.history).toEqual(whole.history)
        expect(resumed.bestEpoch).toBe(2)
        expect(Buffer.from(resumed.parameters.buffer).equals(Buffer.from(whole.parameters.buffer))).toBe(true)
      }
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('gives the same bytes at one and two threads', async () => {
    const run = (threads: number) =>
      new Training({ ...options, threads, maxEpochs: 1 }, catalogue, ring, quiet).run(initialProgress(shape, 5))
    const [one, two] = [await run(1), await run(2)]
    expect(Buffer.from(one.parameters.buffer).equals(Buffer.from(two.parameters.buffer))).toBe(true)
  })

  it('gives other weights for another seed', async () => {
    const run = (seed: number) =>
      new Training({ ...options, seed, maxEpochs: 1 }, catalogue, ring, quiet).run(initialProgress(shape, 5))
    expect((await run(1)).parameters).not.toEqual((await run(2)).parameters)
  })

  it('keeps the best epoch and stops when patience is out', async () => {
    const validate = scripted([0.2, 0.6, 0.5, 0.55, 0.9])
    const result = await new Training({ ...options, maxEpochs: 9, patienceEpochs: 2 }, catalogue, ring, {
      ...quiet,
      validate,
    }).run(initialProgress(shape, 5))
    expect(result.bestEpoch).toBe(2)
    expect(result.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4])
  })

  it('smooths labels over possible codes alone', async () => {
    const smoothed = { ...options, regularization: { dropout: 0, labelSmoothing: 0.2 }, maxEpochs: 1 }
    const { history } = await new Training(smoothed, catalogue, ring, quiet).run(initialProgress(shape, 5))
    expect(history[0].trainingLoss).toBeGreaterThan(0)
    expect(history[0].trainingLoss).toBeLessThan(20)
  })

  it('says what to change when the loss is not finite any more', async () => {
    const wild = { ...options, clipNorm: 0, schedule: { kind: 'constant', peak: 1e20, warmupSteps: 0 } } as const
    await expect(new Training(wild, catalogue, ring, quiet).run(initialProgress(shape, 5))).rejects.toThrow(
      DivergedError,
    )
  })

  it('stops at the step where a port throws', async () => {
    let steps = 0
    const stepped: TrainingPorts['stepped'] = async () => {
      if (++steps === 2) throw new Error('cancelled')
    }
    const run = new Training(options, catalogue, ring, { ...quiet, stepped }).run(initialProgress(shape, 5))
    await expect(run).rejects.toThrow('cancelled')
    expect(steps).toBe(2)
  })
})

describe('the end of training', () => {
  const epoch = (number: number, validationNdcg: number) => ({
    epoch: number,
    trainingLoss: 1,
    validationNdcg,
    validationRecall: 0,
  })

  it('is the last epoch, or where patience is out', () => {
    const history = [epoch(1, 0.1), epoch(2, 0.3), epoch(3, 0.2)]
    expect(isFinished([], { maxEpochs: 1, patienceEpochs: 1 })).toBe(false)
    expect(isFinished(history, { maxEpochs: 4, patienceEpochs: 2 })).toBe(false)
    expect(isFinished(history, { maxEpochs: 4, patienceEpochs: 1 })).toBe(true)
    expect(isFinished(history, { maxEpochs: 4, patienceEpochs: 0 })).toBe(false)
    expect(isFinished(history, { maxEpochs: 3, patienceEpochs: 0 })).toBe(true)
  })
})
