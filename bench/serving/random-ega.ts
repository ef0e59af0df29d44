import { Value } from 'typebox/value'
import { type Dataset, dataset as datasetKind } from '../../crds/kinds/dataset.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { paymentLayout } from '../../workers/auction/payment-network/shape.ts'
import { rewardLayout } from '../../workers/auction/reward-model/shape.ts'
import type { ProcessorContext } from '../../workers/processors/context.ts'
import { processDataset } from '../../workers/processors/dataset.ts'
import { openEgaInputs } from '../../workers/processors/ega/inputs.ts'
import { publishEga } from '../../workers/processors/ega/publish.ts'
import { processTokenizerBuild } from '../../workers/processors/tokenizer-build.ts'
import { generatorLayout } from '../../workers/ranker/ega/generator-shape.ts'
import { initialParameters } from '../../workers/tensor/parameters.ts'
import { work } from '../recommendation/pipeline.ts'

export interface RandomEga {
  /** Of the model. */
  readonly digest: string
  readonly dataset: string
}

/** Specs; what they leave out has its default. */
export interface RandomEgaSpecs {
  readonly dataset: object
  readonly tokenizer: object
  readonly training: object
}

const defaulted = <Spec>(kind: { readonly spec: object }, spec: object): Spec =>
  Value.Default(kind.spec as never, structuredClone(spec)) as Spec

/** A model of EGA-V2 over a simulated marketplace with weights as they are drawn: as fast as a trained one, and as large. */
export async function publishRandomEga(context: ProcessorContext, specs: RandomEgaSpecs): Promise<RandomEga> {
  const datasetRef = { name: 'random' }
  const asked = defaulted<Dataset['spec']>(datasetKind, specs.dataset)
  const dataset = (await work(context, 'Dataset', processDataset, asked, {})).artifact.digest
  const codes = defaulted<TokenizerBuild['spec']>(tokenizerBuild, { datasetRef, ...specs.tokenizer })
  const tokenizer = (await work(context, 'TokenizerBuild', processTokenizerBuild, codes, { dataset })).artifact.digest
  const spec = defaulted<TrainingRun['spec']>(trainingRun, {
    ...{ datasetRef, tokenizerRef: { name: 'random' } },
    ...specs.training,
  })
  const { artifact } = await work(
    context,
    'TrainingRun',
    async (payload, ports) => {
      const inputs = await openEgaInputs(payload, ports)
      const { generator, reward, payment } = inputs.model.shapes
      const drawn = {
        generator: generator === null ? undefined : initialParameters(generatorLayout(generator), spec.seed),
        reward: reward === null ? undefined : initialParameters(rewardLayout(reward), spec.seed),
        payment: payment === null ? undefined : initialParameters(paymentLayout(payment), spec.seed),
      }
      return publishEga(payload, ports, { inputs, weights: drawn, stages: [] })
    },
    spec,
    { dataset, tokenizer },
  )
  return { digest: artifact.digest, dataset }
}
