import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { rqKMeansPlusDefaults, rqVaeDefaults } from '../../crds/quantizer.ts'
import type { BuildOptions } from '../tokenizer/build.ts'
import type { CreativeOptions } from '../tokenizer/creatives.ts'
import type { LearningOptions } from '../tokenizer/quantizer.ts'

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
    ...networkOptions(spec),
  }
}

/** Iterations and seed are those of items; undefined where no creatives are asked for. */
export function creativeOptions({ creatives, iterations, seed }: Spec): CreativeOptions | undefined {
  if (creatives === undefined) return undefined
  const { features, levels, codebookSize } = creatives
  return {
    features: contentOptions(features),
    levels,
    codebookSize,
    iterations,
    seed,
    ...networkOptions(creatives),
  }
}

function contentOptions({ text, embedding }: Pick<Spec['features'], 'text' | 'embedding'>) {
  return {
    text: text && { ...text, weight: Number(text.weight) },
    embedding: embedding && { weight: Number(embedding.weight) },
  }
}

/** Settings of the algorithm that has a network, if it has one. */
function networkOptions({
  algorithm,
  rqvae,
  rqKMeansPlus,
}: Pick<Spec, 'algorithm' | 'rqvae' | 'rqKMeansPlus'>): Pick<LearningOptions, 'rqvae' | 'rqKMeansPlus'> {
  if (algorithm === 'RQVAE') return { rqvae: withNumbers({ ...rqVaeDefaults, ...rqvae }) }
  if (algorithm === 'RQKMeansPlus') return { rqKMeansPlus: withNumbers({ ...rqKMeansPlusDefaults, ...rqKMeansPlus }) }
  return {}
}

const withNumbers = <Settings extends { readonly commitment: string; readonly learningRate: string }>(
  settings: Settings,
) => ({ ...settings, commitment: Number(settings.commitment), learningRate: Number(settings.learningRate) })
