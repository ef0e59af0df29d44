import { Value } from 'typebox/value'
import type { JobPayload, TrainingSummary } from '../../crds/jobs.ts'
import { type Dataset, dataset as datasetKind } from '../../crds/kinds/dataset.ts'
import { type TokenizerBuild, tokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type TrainingRun, trainingRun } from '../../crds/kinds/training-run.ts'
import { paymentLayout } from '../../workers/auction/payment-network/shape.ts'
import { rewardLayout } from '../../workers/auction/reward-model/shape.ts'
import type { ProcessorContext, ProcessorOutcome } from '../../workers/processors/context.ts'
import { processDataset } from '../../workers/processors/dataset.ts'
import { openEgaInputs } from '../../workers/processors/ega/inputs.ts'
import { publishEga } from '../../workers/processors/ega/publish.ts'
import { openOneRankerInputs } from '../../workers/processors/one-ranker/inputs.ts'
import { publishOneRanker } from '../../workers/processors/one-ranker/publish.ts'
import { processTokenizerBuild } from '../../workers/processors/tokenizer-build.ts'
import { generatorLayout } from '../../workers/ranker/ega/generator-shape.ts'
import { oneRankerLayout } from '../../workers/ranker/one-ranker/shape.ts'
import { initialParameters, type ParameterLayout } from '../../workers/tensor/parameters.ts'
import { Random } from '../../workers/tensor/random.ts'
import { work } from '../recommendation/pipeline.ts'

export interface RandomModel {
  /** Of the model. */
  readonly digest: string
  readonly dataset: string
}

/** Specs; what they leave out has its default. */
export interface RandomModelSpecs {
  readonly dataset: object
  readonly tokenizer: object
  readonly training: object
}

const defaulted = <Spec>(kind: { readonly spec: object }, spec: object): Spec =>
  Value.Default(kind.spec as never, structuredClone(spec)) as Spec

/**
 * A model of EGA-V2 or OneRanker over a simulated marketplace with weights as they are drawn: as fast as a trained one,
 * and as large.
 */
export async function publishRandomModel(
  context: ProcessorContext,
  { training, ...data }: RandomModelSpecs,
): Promise<RandomModel> {
  const published = await publishRandomData(context, data)
  return { digest: await publishModelOf(context, published, training), dataset: published.dataset }
}

/** Digests of a marketplace and its codes. */
export interface RandomData {
  readonly dataset: string
  readonly tokenizer: string
}

const datasetRef = { name: 'random' }

export async function publishRandomData(
  context: ProcessorContext,
  specs: Omit<RandomModelSpecs, 'training'>,
): Promise<RandomData> {
  const asked = defaulted<Dataset['spec']>(datasetKind, specs.dataset)
  const dataset = (await work(context, 'Dataset', processDataset, asked, {})).artifact.digest
  const codes = defaulted<TokenizerBuild['spec']>(tokenizerBuild, { datasetRef, ...specs.tokenizer })
  const tokenizer = (await work(context, 'TokenizerBuild', processTokenizerBuild, codes, { dataset })).artifact.digest
  return { dataset, tokenizer }
}

/** The digest of a model over these data, weights as above. */
export async function publishModelOf(context: ProcessorContext, data: RandomData, training: object): Promise<string> {
  const spec = defaulted<TrainingRun['spec']>(trainingRun, {
    ...{ datasetRef, tokenizerRef: { name: 'random' } },
    ...training,
  })
  const publish = spec.model.architecture === 'OneRanker' ? publishOneRankerAtRandom : publishEgaAtRandom
  const { artifact } = await work(context, 'TrainingRun', publish, spec, { ...data })
  return artifact.digest
}

type Publish = (
  payload: JobPayload<TrainingRun['spec']>,
  ports: ProcessorContext,
) => Promise<ProcessorOutcome<TrainingSummary>>

/** Away from where training starts, as some networks say nothing there. Undefined of a network that there is none of. */
const drawn = <Shape>(shape: Shape | null, layoutOf: (shape: Shape) => ParameterLayout, seed: number) => {
  if (shape === null) return undefined
  const random = new Random(seed, 'random model')
  return initialParameters(layoutOf(shape), seed).map((value) => value + 0.05 * random.normal())
}

const publishEgaAtRandom: Publish = async (payload, ports) => {
  const inputs = await openEgaInputs(payload, ports)
  const { generator, reward, payment } = inputs.model.shapes
  const { seed } = payload.spec
  const weights = {
    generator: drawn(generator, generatorLayout, seed),
    reward: drawn(reward, rewardLayout, seed),
    payment: drawn(payment, paymentLayout, seed),
  }
  return publishEga(payload, ports, { inputs, weights, stages: [] })
}

const publishOneRankerAtRandom: Publish = async (payload, ports) => {
  const inputs = await openOneRankerInputs(payload, ports)
  const { ranker, reward, payment } = inputs.model.shapes
  const { seed } = payload.spec
  const weights = {
    ranker: drawn(ranker, oneRankerLayout, seed),
    reward: drawn(reward, rewardLayout, seed),
    payment: drawn(payment, paymentLayout, seed),
  }
  return publishOneRanker(payload, ports, { inputs, weights, stages: [] })
}
