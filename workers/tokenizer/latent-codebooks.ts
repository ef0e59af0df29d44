// The codebooks of an RQ-VAE while it learns: where they start, and what becomes of entries that fall out of use.

import type { ParameterLayout } from '../tensor/parameters.ts'
import type { Random } from '../tensor/random.ts'
import { TrainingState } from '../tensor/training-state.ts'
import { autoencoderLayout } from './autoencoder.ts'
import { openHalf } from './code-space.ts'
import { moveDeadCodes } from './dead-codes.ts'
import { createNearestCentroids, type NearestCentroids } from './nearest.ts'
import { type Codebooks, encodeNearest, quantizeResiduals } from './residual-quantizer.ts'
import { sampleRows } from './rows.ts'
import { codebookName, type RqVaeShape } from './rq-vae-loss.ts'

export interface StartTask {
  /** Of k-means. */
  readonly iterations: number
  readonly seed: number
  readonly onStartIteration?: (level: number, iteration: number) => Promise<void>
}

/** Points that are looked at for entries in use. */
const mostUsagePoints = 65_536

/** Codebooks on the latent vectors of weights that still change, both as they stand in the flat parameters. */
export async function openLatentCodebooks(shape: RqVaeShape, layout: ParameterLayout) {
  const { size } = autoencoderLayout(shape)
  const encoder = await openHalf('encoder', shape)
  let nearest: NearestCentroids | undefined
  const opened = async (): Promise<NearestCentroids> => {
    nearest ??= await createNearestCentroids(shape.latentDimensions)
    return nearest
  }
  return {
    /** Residual k-means on the latent vectors of these inputs. */
    async start(parameters: Float32Array, inputs: Float32Array, task: StartTask): Promise<void> {
      const { iterations, seed, onStartIteration } = task
      const latent = await encoder.apply(parameters.subarray(0, size), inputs)
      const { codebooks } = await quantizeResiduals(latent, {
        dimensions: shape.latentDimensions,
        levels: shape.levels,
        codebookSize: shape.codebookSize,
        iterations,
        seed,
        nearest: await opened(),
        ...(onStartIteration && { onIteration: onStartIteration }),
      })
      setCodebooks(parameters, codebooks, layout)
    },
    /** A state in which dead entries lie on residuals of points, without momentum. */
    async revive(state: TrainingState, inputs: Float32Array, random: Random): Promise<TrainingState> {
      const sample = sampleRows(inputs, random, mostUsagePoints, shape.dimensions)
      const points = await encoder.apply(state.parameters.subarray(0, size), sample)
      const codebooks = codebooksIn(state.parameters, shape, layout)
      const codes = await encodeNearest(points, codebooks, await opened())
      const moved = moveDeadCodes(codebooks, points, codes, random)
      if (moved.every((entries) => entries.length === 0)) return state
      const snapshot = state.snapshot()
      setCodebooks(snapshot.parameters, codebooks, layout)
      moved.forEach((entries, level) => {
        const { offset } = codebookIn(layout, level)
        for (const entry of entries) {
          const start = offset + entry * shape.latentDimensions
          snapshot.firstMoment.fill(0, start, start + shape.latentDimensions)
          snapshot.secondMoment.fill(0, start, start + shape.latentDimensions)
        }
      })
      return new TrainingState(snapshot)
    },
    async release(): Promise<void> {
      await encoder.release()
      await nearest?.release()
    },
  }
}

function codebookIn({ parameters }: ParameterLayout, level: number): { offset: number; size: number } {
  const found = parameters.find(({ name }) => name === codebookName(level))
  if (found === undefined) throw new Error(`The layout has no codebook of level ${level}`)
  return found
}

/** Codebooks stand one after another at the end of the layout. */
export function codebooksIn(flat: Float32Array, shape: RqVaeShape, layout: ParameterLayout): Codebooks {
  const sizes = Array.from({ length: shape.levels }, () => shape.codebookSize)
  return { dimensions: shape.latentDimensions, sizes, data: flat.slice(codebookIn(layout, 0).offset) }
}

function setCodebooks(flat: Float32Array, { data }: Codebooks, layout: ParameterLayout): void {
  flat.set(data, codebookIn(layout, 0).offset)
}
