import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { rqVaeDefaults } from '../../crds/quantizer.ts'
import type { BuildOptions } from '../tokenizer/build.ts'
import type { CreativeOptions } from '../tokenizer/creatives.ts'
import type { RqVaeOptions } from '../tokenizer/rq-vae.ts'

type Spec = TokenizerBuild['spec']

export function buildOptions(spec: Spec): BuildOptions {
  const { features, levels, codebookSize, iterations, collisions, seed } = spec
  const { collaborative } = features
  return {
    features: {
      ...contentOptions(features),
      collaborative: collaborative && { ...collaborative, weight: Number(collaborative.weight) },
    },
    levels,
    codebookSize,
    iterations,
    collisions,
    seed,
    rqvae: rqVaeOptions(spec),
  }
}

/** Iterations and seed are those of items; undefined where no creatives are asked for. */
export function creativeOptions({ creatives, iterations, seed }: Spec): CreativeOptions | undefined {
  if (creatives === undefined) return undefined
  const { features, levels, codebookSize } = creatives
  return { features: contentOptions(features), levels, codebookSize, iterations, seed, rqvae: rqVaeOptions(creatives) }
}

function contentOptions({ text, embedding }: Pick<Spec['features'], 'text' | 'embedding'>) {
  return {
    text: text && { ...text, weight: Number(text.weight) },
    embedding: embedding && { weight: Number(embedding.weight) },
  }
}

function rqVaeOptions({ algorithm, rqvae }: Pick<Spec, 'algorithm' | 'rqvae'>): RqVaeOptions | undefined {
  if (algorithm !== 'RQVAE') return undefined
  const { commitment, learningRate, ...numbers } = { ...rqVaeDefaults, ...rqvae }
  return { ...numbers, commitment: Number(commitment), learningRate: Number(learningRate) }
}
