// A stage's state and its result as files: vectors as little-endian floats, the rest as JSON.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact, Checkpoint } from '../artifacts/store.ts'
import { fromBytes, toBytes } from '../tensor/parameters.ts'
import type { StageMetrics, StageProgress, StageResult } from './stage-training.ts'

const files = {
  state: 'state.json',
  parameters: 'parameters.f32',
  firstMoment: 'first-moment.f32',
  secondMoment: 'second-moment.f32',
  best: 'best-parameters.f32',
  result: 'stage.json',
}

type State = Omit<StageProgress, 'optimizer' | 'best'> & {
  readonly step: number
  readonly best: { readonly epoch: number; readonly score: number } | null
}

export const writeStageCheckpoint = async (directory: string, progress: StageProgress): Promise<void> => {
  const { optimizer, best, ...rest } = progress
  const state: State = {
    ...rest,
    step: optimizer.step,
    best: best === undefined ? null : { epoch: best.epoch, score: best.score },
  }
  const vectors: [string, Float32Array][] = [
    [files.parameters, optimizer.parameters],
    [files.firstMoment, optimizer.firstMoment],
    [files.secondMoment, optimizer.secondMoment],
    ...(best === undefined ? [] : [[files.best, best.parameters] as [string, Float32Array]]),
  ]
  for (const [file, vector] of vectors) await writeFile(join(directory, file), toBytes(vector))
  await writeFile(join(directory, files.state), JSON.stringify(state))
}

export const readStageCheckpoint = async (checkpoint: Pick<Checkpoint, 'readFile'>): Promise<StageProgress> => {
  const vector = async (file: string) => fromBytes(await checkpoint.readFile(file))
  const text = await checkpoint.readFile(files.state)
  const { step, best, ...rest } = JSON.parse(text.toString('utf8')) as State
  return {
    ...rest,
    optimizer: {
      parameters: await vector(files.parameters),
      firstMoment: await vector(files.firstMoment),
      secondMoment: await vector(files.secondMoment),
      step,
    },
    best: best === null ? undefined : { ...best, parameters: await vector(files.best) },
  }
}

/** What a stage leaves behind. */
export type StageOutcome = Pick<StageResult, 'parameters' | 'history' | 'epoch'>

export const writeStageResult = async (
  directory: string,
  { parameters, history, epoch }: StageOutcome,
): Promise<void> => {
  await writeFile(join(directory, files.parameters), toBytes(parameters))
  await writeFile(join(directory, files.result), `${JSON.stringify({ epoch, history }, null, 2)}\n`)
}

export const readStageResult = async (artifact: Pick<Artifact, 'readFile'>): Promise<StageOutcome> => {
  const text = (await artifact.readFile(files.result)).toString('utf8')
  const { epoch, history } = JSON.parse(text) as { epoch: number; history: StageMetrics[] }
  return { parameters: fromBytes(await artifact.readFile(files.parameters)), history, epoch }
}
