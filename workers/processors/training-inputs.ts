import type { Dataset } from '../data/dataset-reader.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { JobError } from './job-error.ts'

/** @throws JobError when a tokenizer does not code the Dataset, or there is nothing to train on */
export function checkTokenizer(
  dataset: Pick<Dataset, 'digest' | 'trainEnd'>,
  tokenizer: Pick<Tokenizer, 'datasetDigest'>,
): void {
  if (tokenizer.datasetDigest !== dataset.digest) {
    const message = `The tokenizer was built for Dataset revision ${tokenizer.datasetDigest}, not for ${dataset.digest}; build it anew for this revision.`
    throw new JobError('TokenizerOfOtherDataset', message, { retryable: false })
  }
  if (!dataset.trainEnd.some((end) => end > 0)) {
    const message = 'The training part of the Dataset holds no interaction; change the split of the Dataset.'
    throw new JobError('NoTrainingData', message, { retryable: false })
  }
}
