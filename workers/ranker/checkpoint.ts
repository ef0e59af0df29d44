// A run's state as files: vectors as little-endian floats, the rest as JSON.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Checkpoint } from '../artifacts/store.ts'
import { fromBytes, toBytes } from '../tensor/parameters.ts'
import type { Progress } from './training.ts'

const files = {
  state: 'state.json',
  parameters: 'parameters.f32',
  firstMoment: 'first-moment.f32',
  secondMoment: 'second-moment.f32',
  best: 'best-parameters.f32',
}

type State = Omit<Progress, 'optimizer' | 'best'> & { readonly step: number; readonly bestEpoch: number | null }

export const writeCheckpoint = async (directory: string, progress: Progress): Promise<void> => {
  const { optimizer, best, ...rest } = progress
  const state: State = { ...rest, step: optimizer.step, bestEpoch: best?.epoch ?? null }
  const vectors: [string, Float32Array][] = [
    [files.parameters, optimizer.parameters],
    [files.firstMoment, optimizer.firstMoment],
    [files.secondMoment, optimizer.secondMoment],
    ...(best === undefined ? [] : [[files.best, best.parameters] as [string, Float32Array]]),
  ]
  for (const [file, vector] of vectors) await writeFile(join(directory, file), toBytes(vector))
  await writeFile(join(directory, files.state), JSON.stringify(state))
}

export const readCheckpoint = async (checkpoint: Pick<Checkpoint, 'readFile'>): Promise<Progress> => {
  const vector = async (file: string) => fromBytes(await checkpoint.readFile(file))
  const text = await checkpoint.readFile(files.state)
  const { step, bestEpoch, ...rest } = JSON.parse(text.toString('utf8')) as State
  return {
    ...rest,
    optimizer: {
      parameters: await vector(files.parameters),
      firstMoment: await vector(files.firstMoment),
      secondMoment: await vector(files.secondMoment),
      step,
    },
    best: bestEpoch === null ? undefined : { epoch: bestEpoch, parameters: await vector(files.best) },
  }
}
