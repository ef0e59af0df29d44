import type { CreativeSummary } from '../../crds/jobs.ts'
import type { CreativeCatalogue } from '../tokenizer/catalogue.ts'
import {
  asItems,
  type BuiltCreatives,
  buildCreatives,
  type CreativeOptions,
  mostOfAnItem,
  reuseCreatives,
} from '../tokenizer/creatives.ts'
import { planReuse } from '../tokenizer/reuse-plan.ts'
import type { ProcessorContext } from './context.ts'
import { type Coded, learnOrReuse, type ReuseOutlook } from './learn-or-reuse.ts'

export interface CreativeTask {
  readonly creatives: CreativeCatalogue
  readonly options: CreativeOptions
  /** Of the tokenizer that spec.reuse names, where it has any. */
  readonly earlier: BuiltCreatives | undefined
  readonly maxUnseenPercent: number
  /** Called between steps, with those done. */
  readonly progress: (step: number) => Promise<void>
}

/** Codes of all creatives, by the earlier codebooks where they serve: the rule of items, on its own. */
export async function codeCreatives(task: CreativeTask, context: ProcessorContext): Promise<Coded<BuiltCreatives>> {
  const { creatives, options, earlier, progress } = task
  const learn = () => buildCreatives(creatives, options, progress, context.threads)
  if (earlier === undefined) {
    const nothing: ReuseOutlook = { reason: 'NothingToReuse' }
    return learnOrReuse(nothing, { learn, reuse: learn }, context)
  }
  const plan = planReuse(
    asItems(creatives),
    { ...earlier, itemIds: earlier.ids },
    { options, maxUnseenItemsPercent: task.maxUnseenPercent, paths: mostOfAnItem(creatives) },
  )
  const reuse = () => reuseCreatives(creatives, earlier, plan.places, progress)
  return learnOrReuse(plan, { learn, reuse }, context)
}

export const summaryOf = ({ built, codebooks, unseenPercent }: Coded<BuiltCreatives>): CreativeSummary => ({
  count: built.count,
  levels: built.levels,
  ...built.report,
  ...codebooks,
  ...(unseenPercent === undefined ? {} : { unseenPercent }),
})
