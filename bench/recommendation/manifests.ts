import { join } from 'node:path'
import { Value } from 'typebox/value'
import type { Dataset } from '../../crds/kinds/dataset.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { kinds } from '../../crds/kinds.ts'
import { readManifests } from '../../operator/cli/manifests.ts'

/** The specs of one pipeline. */
export interface Recipe {
  dataset: Dataset['spec']
  tokenizer: TokenizerBuild['spec']
  training: TrainingRun['spec']
  evaluation: Evaluation['spec']
}

/** The specs of the manifests in examples/amazon-beauty with all defaults, over the data in `folder`. */
export function readRecipe(folder: string): Recipe {
  const examples = join(import.meta.dirname, '..', '..', 'examples', 'amazon-beauty')
  const manifests = readManifests([examples], { ADLOOM_DATA: folder })
  const specOf = <Spec>(kind: string): Spec => {
    const definition = kinds.find((each) => each.kind === kind)
    const manifest = manifests.find(({ object }) => object.kind === kind)
    if (definition === undefined || manifest === undefined) throw new Error(`${examples} has no ${kind}`)
    const { spec } = structuredClone(manifest.object) as { spec?: unknown }
    return Value.Default(definition.spec, spec) as Spec
  }
  return {
    dataset: specOf('Dataset'),
    tokenizer: specOf('TokenizerBuild'),
    training: specOf('TrainingRun'),
    evaluation: specOf('Evaluation'),
  }
}
