import type { TestContext } from 'vitest'
import type { DatasetSpec } from '../../../workers/data/dataset-spec.ts'
import { publicData } from '../../support/public-data.ts'

/** A Dataset over Amazon Beauty, the last item but one of each user for validation and the last for the test. */
export const amazonBeauty = (context: Pick<TestContext, 'skip'>): DatasetSpec => ({
  source: { file: { path: publicData('amazon-beauty', context) } },
  interactions: { path: 'sequences.txt', format: 'SequenceLines' },
  items: {
    path: 'items.jsonl',
    format: 'JSONLines',
    columns: { id: 'id', text: ['text'], attributes: ['attributes'] },
  },
  split: { strategy: 'LeaveOneOut' },
})
