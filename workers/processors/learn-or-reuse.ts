import type { CodeQuality } from '../../crds/jobs.ts'
import type { ReuseReason } from '../tokenizer/reuse-plan.ts'
import type { ProcessorContext } from './context.ts'

export interface ReuseOutlook {
  readonly reason: ReuseReason | 'NothingToReuse'
  /** 0 to 100; absent where there is nothing to reuse. */
  readonly unseenItemsPercent?: number
}

export interface Coded<Built> {
  readonly built: Built
  /** For the summary. */
  readonly codebooks: Pick<CodeQuality, 'codebooks' | 'codebooksReason'>
  readonly unseenPercent: number | undefined
}

/** By the codebooks of the earlier tokenizer where they serve, else anew. */
export async function learnOrReuse<Built>(
  { reason, unseenItemsPercent }: ReuseOutlook,
  ways: { readonly learn: () => Promise<Built>; readonly reuse: () => Promise<Built> },
  { log }: ProcessorContext,
): Promise<Coded<Built>> {
  const isReused = reason === 'FewUnseenItems'
  if (!isReused && reason !== 'NothingToReuse') log.info('Learns codebooks anew', { reason, unseenItemsPercent })
  return {
    built: await (isReused ? ways.reuse() : ways.learn()),
    codebooks: { codebooks: isReused ? 'Reused' : 'Learned', codebooksReason: reason },
    unseenPercent: unseenItemsPercent,
  }
}
