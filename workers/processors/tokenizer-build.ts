import type { JobPayload, TokenizerSummary } from '../../crds/jobs.ts'
import type { TokenizerBuild } from '../../crds/kinds/tokenizer-build.ts'
import { openDataset } from '../data/dataset-reader.ts'
import { type BuildOptions, buildTokenizer } from '../tokenizer/build.ts'
import { codeShares } from '../tokenizer/code-shares.ts'
import { writeTokenizer } from '../tokenizer/tokenizer.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'

type Spec = TokenizerBuild['spec']

/** Builds the tokenizer of a Dataset and publishes it; a build is short enough to start over after a crash. */
export async function processTokenizerBuild(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<TokenizerSummary>> {
  const dataset = await openDataset(await context.store.open(payload.inputs.dataset))
  const options = buildOptions(payload.spec)
  const totalSteps = options.levels * options.iterations
  const built = await buildTokenizer(dataset, options, (phase, step) => context.progress({ phase, step, totalSteps }))
  const summary: TokenizerSummary = {
    items: built.itemCount,
    levels: built.codebookSizes.length,
    ...built.report,
    codebooks: 'Learned',
    codebooksReason: 'NothingToReuse',
    codeShares: codeShares(built.codes, built.codebookSizes.length, built.codebookSizes[0], dataset),
  }
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: 'Tokenizer',
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: { datasetDigest: dataset.digest, summary: { ...summary } },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeTokenizer(directory, built, dataset.digest),
  )
  const { codeShares: _shares, ...told } = summary
  context.log.info('Built a tokenizer', { ...told, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
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
