import type { JobPayload, TokenizerSummary } from '../../crds/jobs.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { type Dataset, openDataset } from '../data/dataset-reader.ts'
import { type BuildOptions, type BuildProgress, type BuiltTokenizer, buildTokenizer } from '../tokenizer/build.ts'
import { codeShares } from '../tokenizer/code-shares.ts'
import { planReuse, type ReuseReason, reuseTokenizer } from '../tokenizer/reuse.ts'
import { type EarlierTokenizer, openEarlierTokenizer, writeTokenizer } from '../tokenizer/tokenizer.ts'
import { vocabularyOf } from '../tokenizer/vocabulary.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { JobError } from './job-error.ts'

type Spec = TokenizerBuild['spec']

const tokenizerKind = 'Tokenizer'

/** Builds the tokenizer of a Dataset and publishes it; a build is short enough to start over after a crash. */
export async function processTokenizerBuild(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<TokenizerSummary>> {
  const { inputs } = payload
  const dataset = await openDataset(await context.store.open(inputs.dataset))
  const { built, ...codebooks } = await build(payload, context, dataset)
  const summary: TokenizerSummary = {
    items: built.itemCount,
    levels: built.codebookSizes.length,
    ...built.report,
    ...codebooks,
    codeShares: codeShares(built.codes, built.codebookSizes.length, built.codebookSizes[0], dataset),
  }
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
    (directory) => writeTokenizer(directory, built, dataset),
  )
  const { codeShares: _shares, ...told } = summary
  context.log.info('Built a tokenizer', { ...told, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
}

interface Built extends Pick<TokenizerSummary, 'codebooks' | 'unseenItemsPercent'> {
  readonly built: BuiltTokenizer
  readonly codebooksReason: ReuseReason | 'NothingToReuse'
}

/** By the codebooks of the earlier tokenizer where there is one and it serves, else anew. */
async function build({ spec, inputs }: JobPayload<Spec>, context: ProcessorContext, dataset: Dataset): Promise<Built> {
  const options = buildOptions(spec)
  const totalSteps = options.levels * options.iterations
  const progress: BuildProgress = (phase, step) => context.progress({ phase, step, totalSteps })
  if (inputs.reuse === undefined || spec.reuse === undefined) {
    const built = await buildTokenizer(dataset, options, progress)
    return { built, codebooks: 'Learned', codebooksReason: 'NothingToReuse' }
  }
  const earlier = await openEarlier(inputs.reuse, context)
  if (earlier === undefined) {
    const built = await buildTokenizer(dataset, options, progress)
    return { built, codebooks: 'Learned', codebooksReason: 'OptionsDiffer' }
  }
  const { maxUnseenItemsPercent } = spec.reuse
  const { reason, unseenItemsPercent, places } = planReuse(dataset, earlier, { options, maxUnseenItemsPercent })
  if (reason === 'FewUnseenItems') {
    const built = await reuseTokenizer(dataset, earlier, places, progress)
    return { built, codebooks: 'Reused', codebooksReason: reason, unseenItemsPercent }
  }
  context.log.info('Learns codebooks anew', { reason, unseenItemsPercent })
  const built = await buildTokenizer(dataset, options, progress)
  return { built, codebooks: 'Learned', codebooksReason: reason, unseenItemsPercent }
}

async function openEarlier(digest: string, { store }: ProcessorContext): Promise<EarlierTokenizer | undefined> {
  const artifact = await store.open(digest)
  const { kind } = artifact.manifest
  if (kind === tokenizerKind) return openEarlierTokenizer(artifact)
  const message = `spec.reuse names ${digest}, which is a ${kind} and no tokenizer; name the artifact of a TokenizerBuild`
  throw new JobError('NotATokenizer', message, { retryable: false })
}

function buildOptions({ features, levels, codebookSize, iterations, collisions, seed }: Spec): BuildOptions {
  const { text, collaborative, embedding } = features
  return {
    features: {
      text: text && { ...text, weight: Number(text.weight) },
      collaborative: collaborative && { ...collaborative, weight: Number(collaborative.weight) },
      embedding: embedding && { weight: Number(embedding.weight) },
    },
    levels,
    codebookSize,
    iterations,
    collisions,
    seed,
  }
}
