import type { JobPayload, TokenizerSummary } from '../../crds/jobs.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import type { Artifact } from '../artifacts/store.ts'
import { type Dataset, openDataset } from '../data/dataset-reader.ts'
import type { Creatives, Market } from '../data/market/market.ts'
import { openMarket } from '../data/market/open-market.ts'
import { type BuildOptions, type BuildProgress, type BuiltTokenizer, buildTokenizer } from '../tokenizer/build.ts'
import { codeShares } from '../tokenizer/code-shares.ts'
import { TokenizerSpecError } from '../tokenizer/errors.ts'
import { learningSteps } from '../tokenizer/quantizer.ts'
import { reuseTokenizer } from '../tokenizer/reuse.ts'
import { planReuse } from '../tokenizer/reuse-plan.ts'
import { type EarlierTokenizer, openEarlierTokenizer, writeTokenizer } from '../tokenizer/tokenizer.ts'
import { vocabularyOf } from '../tokenizer/vocabulary.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { codeCreatives, summaryOf } from './creative-build.ts'
import { JobError } from './job-error.ts'
import { type Coded, learnOrReuse } from './learn-or-reuse.ts'
import { buildOptions, creativeOptions } from './tokenizer-options.ts'

type Spec = TokenizerBuild['spec']
type OpenMarket = (dataset: Artifact) => Promise<Market | undefined>

const tokenizerKind = 'Tokenizer'

/** Builds the tokenizer of a Dataset and publishes it; a build is short enough to start over after a crash. */
export async function processTokenizerBuild(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  marketOf: OpenMarket = openMarket,
): Promise<ProcessorOutcome<TokenizerSummary>> {
  const { inputs, spec } = payload
  const artifactOfDataset = await context.store.open(inputs.dataset)
  const dataset = await openDataset(artifactOfDataset)
  // What is not there is said before anything is learned.
  const renderings = spec.creatives && creativesOf(await marketOf(artifactOfDataset))
  const earlier = inputs.reuse === undefined ? undefined : await openEarlier(inputs.reuse, context)
  const coded = await code({ payload, dataset, earlier, renderings }, context)
  const { built, creatives } = coded
  const summary: TokenizerSummary = { ...coded.summary, codeShares: sharesOf(built, dataset) }
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: tokenizerKind,
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        datasetDigest: dataset.digest,
        ...(inputs.reuse === undefined ? {} : { parent: inputs.reuse }),
        // Code shares of two builds can be compared where this is equal.
        vocabulary: vocabularyOf(built, built.featureModel),
        summary: { ...summary },
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeTokenizer(directory, built, dataset, creatives),
  )
  context.log.info('Built a tokenizer', { ...coded.summary, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
}

interface Task {
  readonly payload: JobPayload<Spec>
  readonly dataset: Dataset
  /** What spec.reuse names, as far as it tells what it was built with. */
  readonly earlier: EarlierTokenizer | undefined
  readonly renderings: Creatives | undefined
}

/** Items, then creatives where they are asked for. */
async function code(task: Task, context: ProcessorContext) {
  const { payload, earlier, renderings } = task
  const { spec } = payload
  const options = buildOptions(spec)
  const forCreatives = renderings && creativeOptions(spec)
  const itemSteps = learningSteps(options)
  const totalSteps = itemSteps + (forCreatives === undefined ? 0 : learningSteps(forCreatives))
  const report: BuildProgress = (phase, step) => context.progress({ phase, step, totalSteps })
  const items = await codeItems(task, options, report, context)
  const creatives =
    renderings &&
    forCreatives &&
    (await codeCreatives(
      {
        creatives: renderings,
        options: forCreatives,
        earlier: earlier?.creatives,
        maxUnseenPercent: spec.reuse?.maxUnseenItemsPercent ?? 0,
        progress: (step) => context.progress({ phase: 'Creatives', step: itemSteps + step, totalSteps }),
      },
      context,
    ))
  const { built, codebooks, unseenPercent } = items
  return {
    built,
    creatives: creatives?.built,
    summary: {
      items: built.itemCount,
      levels: built.codebookSizes.length,
      ...built.report,
      ...codebooks,
      ...(unseenPercent === undefined ? {} : { unseenItemsPercent: unseenPercent }),
      ...(creatives === undefined ? {} : { creatives: summaryOf(creatives) }),
    },
  }
}

async function codeItems(
  { payload: { inputs, spec }, dataset, earlier }: Task,
  options: BuildOptions,
  progress: BuildProgress,
  context: ProcessorContext,
): Promise<Coded<BuiltTokenizer>> {
  const learn = () => buildTokenizer(dataset, options, progress, context.threads)
  if (inputs.reuse === undefined || spec.reuse === undefined)
    return learnOrReuse({ reason: 'NothingToReuse' }, { learn, reuse: learn }, context)
  if (earlier === undefined) return learnOrReuse({ reason: 'OptionsDiffer' }, { learn, reuse: learn }, context)
  const { maxUnseenItemsPercent } = spec.reuse
  const plan = planReuse(dataset, earlier, { options, maxUnseenItemsPercent })
  const reuse = () => reuseTokenizer(dataset, earlier, plan.places, progress)
  return learnOrReuse(plan, { learn, reuse }, context)
}

function creativesOf(market: Market | undefined): Creatives {
  if (market?.creatives !== undefined) return market.creatives
  const message = 'the Dataset has no creatives; map them in its spec, or leave this out'
  throw new TokenizerSpecError('NoCreatives', 'creatives', message)
}

const sharesOf = ({ codes, codebookSizes }: BuiltTokenizer, dataset: Dataset): number[] =>
  codeShares(codes, codebookSizes.length, codebookSizes[0], dataset)

async function openEarlier(digest: string, { store }: ProcessorContext): Promise<EarlierTokenizer | undefined> {
  const artifact = await store.open(digest)
  const { kind } = artifact.manifest
  if (kind === tokenizerKind) return openEarlierTokenizer(artifact)
  const message = `spec.reuse names ${digest}, which is a ${kind} and no tokenizer; name the artifact of a TokenizerBuild`
  throw new JobError('NotATokenizer', message, { retryable: false })
}
