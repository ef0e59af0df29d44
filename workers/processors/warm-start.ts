import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import type { RankerShape } from '../ranker/architecture.ts'
import type { Projection } from '../ranker/content.ts'
import { openModel } from '../ranker/model-artifact.ts'
import { sharesContent, type WarmStart, warmStart, whyNothingFits } from '../ranker/warm-start.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ProcessorContext } from './context.ts'
import { JobError } from './job-error.ts'

type Spec = TrainingRun['spec']

/** What a run takes from its parent. Summaries need it after a restart too, so it is made anew each time. */
export interface Inheritance {
  readonly parent: string
  readonly start: WarmStart
  /** Directions of content, where those of the parent go on to be used. */
  readonly directions: Projection['directions'] | undefined
}

export interface Heir {
  readonly spec: Spec
  readonly shape: RankerShape
  readonly dataset: Pick<Dataset, 'itemIds'>
  readonly tokenizer: Pick<Tokenizer, 'vocabulary'>
}

/** @throws NotAModelError, JobError when nothing of the parent fits */
export async function inherit(
  digest: string,
  { spec, shape, dataset, tokenizer }: Heir,
  context: ProcessorContext,
): Promise<Inheritance> {
  const parent = await openModel(await context.store.open(digest))
  const why = whyNothingFits('DecoderOnly', shape, parent)
  if (why !== undefined) {
    const message = `spec.warmStart: nothing of ${digest} fits, ${why}; make them equal, or leave out warmStart`
    throw new JobError('WarmStartDoesNotFit', message, { retryable: false })
  }
  const { vocabulary } = tokenizer
  const start = warmStart({ shape, itemIds: dataset.itemIds, vocabulary, seed: spec.seed }, parent)
  const { takenParameters, initialParameters, newItems, left } = start
  context.log.info('Starts from a model', { parent: digest, takenParameters, initialParameters, newItems })
  if (Object.values(left).some(({ length }) => length > 0))
    context.log.warn('Some parameters do not fit and start as without a parent', { ...left })
  const directions = sharesContent(shape, vocabulary, parent) ? parent.catalogue.projection.directions : undefined
  return { parent: digest, start, directions }
}
