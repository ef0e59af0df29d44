import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  readStageCheckpoint,
  readStageResult,
  writeStageCheckpoint,
  writeStageResult,
} from '../../../workers/ranker/stage-files.ts'
import {
  runStage,
  type Stage,
  StageDivergedError,
  type StagePorts,
  type StageProgress,
  stageBetas,
  stageOptimizer,
  stageStart,
} from '../../../workers/ranker/stage-training.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { parameterLayout } from '../../../workers/tensor/parameters.ts'
import { float32, Session } from '../../../workers/tensor/session.ts'
import { type TrainingModel, trainingStep } from '../../../workers/tensor/training-step.ts'

/** Moves three numbers towards a target that each step brings. */
const model: TrainingModel = {
  layout: parameterLayout([{ name: 'weight', shape: [3], initial: 'zeros' }]),
  inputs: { target: { type: 'float32', shape: [3] } },
  loss(parameters, { target }) {
    const distance = op.reduceSum(op.square(op.sub(parameters('weight'), target)))
    return { loss: distance, metrics: { distance } }
  },
}

let session: Session
beforeAll(async () => {
  session = await Session.create(trainingStep(model, { optimizer: stageOptimizer(0.01, 1) }), { threads: 1 })
})
afterAll(() => session.release())

const stageOf = (changes: Partial<Stage> = {}): Stage => ({
  epochs: 4,
  stepsPerEpoch: 3,
  schedule: { kind: 'cosine', peak: 0.1, totalSteps: 12 },
  betas: stageBetas,
  step: async ({ epoch, index, extra }) => ({
    session,
    batch: { target: float32([3], [epoch, index, extra.turn?.[0] ?? 0]) },
  }),
  afterStep: ({ extra }, { distance }) => ({ turn: [(extra.turn?.[0] ?? 0) + distance / 10] }),
  ...changes,
})

/** Keeps what happens, and the state after every step. */
function watched() {
  const saved: StageProgress[] = []
  const epochs: number[] = []
  const steps: number[] = []
  const ports: StagePorts = {
    stepped: async ({ step, totalSteps }) => void steps.push(step / totalSteps),
    settled: async (_, snapshot) => void saved.push(snapshot()),
    epochEnded: (epoch) => void epochs.push(epoch),
  }
  return { ports, saved, epochs, steps }
}

const start = () => stageStart(new Float32Array(3), { turn: [0] })

describe('a stage', () => {
  test('goes on from any step to the same bytes, through files', async () => {
    const { ports, saved, epochs, steps } = watched()
    const whole = await runStage(stageOf({ epochEnded: async (epoch) => ({ score: -epoch }) }), start(), ports)
    expect(epochs).toEqual([1, 2, 3, 4])
    expect(steps).toEqual(Array.from({ length: 12 }, (_, step) => (step + 1) / 12))
    for (const progress of saved) {
      const directory = await mkdtemp(join(tmpdir(), 'stage-'))
      await writeStageCheckpoint(directory, progress)
      const read = await readStageCheckpoint({ readFile: (file) => readFile(join(directory, file)) })
      expect(read).toEqual(progress)
      const { ports: others } = watched()
      expect(await runStage(stageOf({ epochEnded: async (epoch) => ({ score: -epoch }) }), read, others)).toEqual(whole)
    }
  })

  test('reports of each epoch the means over its steps, and what the epoch adds', async () => {
    const seen: number[] = []
    const { ports } = watched()
    const losses: number[] = []
    const stage = stageOf({
      epochs: 1,
      afterStep: ({ extra }, { loss }) => {
        losses.push(loss)
        return extra
      },
      epochEnded: async (epoch, parameters) => {
        seen.push(epoch, parameters.length)
        return { extra: 7 }
      },
    })
    const { history } = await runStage(stage, start(), ports)
    expect(seen).toEqual([1, 3])
    expect(history).toHaveLength(1)
    expect(history[0]).toMatchObject({ extra: 7 })
    expect(history[0].loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss) / 3, 10)
  })

  test('keeps the epoch of the highest score, and ends after so many without a better one', async () => {
    const scores = [1, 3, 2, 3, 5]
    const kept: Float32Array[] = []
    const scored = (changes: Partial<Stage>): Stage =>
      stageOf({
        epochs: 5,
        epochEnded: async (epoch, parameters) => {
          kept[epoch] = parameters.slice()
          return { score: scores[epoch - 1] }
        },
        ...changes,
      })
    const patient = await runStage(scored({ patience: 2 }), start(), watched().ports)
    expect(patient.history).toHaveLength(4)
    expect(patient.epoch).toBe(2)
    expect(patient.parameters).toEqual(kept[2])
    const endless = await runStage(scored({ patience: 0 }), start(), watched().ports)
    expect(endless.epoch).toBe(5)
    expect(endless.parameters).toEqual(kept[5])
  })

  test('keeps the last parameters where nothing is scored', async () => {
    const { ports, saved } = watched()
    const { parameters, epoch } = await runStage(stageOf(), start(), ports)
    expect(parameters).toEqual(saved[saved.length - 1].optimizer.parameters)
    expect(epoch).toBe(4)
  })

  test('ends as soon as its loss is no number, and says what to do', async () => {
    const stage = stageOf({
      step: async ({ step }) => ({ session, batch: { target: float32([3], [step === 1 ? Number.NaN : 0, 0, 0]) } }),
    })
    const running = runStage(stage, start(), watched().ports)
    await expect(running).rejects.toThrow(StageDivergedError)
    await expect(running).rejects.toThrow(/at step 2: lower the learning rate of this stage, or set clipNorm/)
  })

  test('is not begun again once it is over', async () => {
    const { ports, saved } = watched()
    await runStage(stageOf(), start(), ports)
    const { ports: others, steps } = watched()
    await runStage(stageOf(), saved[saved.length - 1], others)
    expect(steps).toEqual([])
  })
})

test('the result of a stage is read as it was written', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stage-'))
  const outcome = { parameters: Float32Array.of(1.5, -2), history: [{ loss: 3 }, { loss: 2.5 }], epoch: 2 }
  await writeStageResult(directory, outcome)
  expect(await readStageResult({ readFile: (file) => readFile(join(directory, file)) })).toEqual(outcome)
})
