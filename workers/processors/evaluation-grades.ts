// What the candidates of sampled lists are worth, as a judge has it who had no part in any ranking.

import type { SampledEvaluation } from '../../crds/sampled-lists.ts'
import type { Artifact } from '../artifacts/store.ts'
import type { Dataset } from '../data/dataset-reader.ts'
import type { Market } from '../data/market/market.ts'
import { bidUnitOf } from '../data/market/usual-bids.ts'
import { type JudgeLists, type JudgeName, judgeByTruth } from '../evaluation/market/judge.ts'
import { ecpmOf } from '../evaluation/sampled/ecpm.ts'
import { quantileGains, rankNormalisedGains } from '../evaluation/sampled/gains.ts'
import type { SampledList } from '../evaluation/sampled/lists.ts'
import type { Graded } from '../evaluation/sampled/sampled-group.ts'
import type { ProcessorContext } from './context.ts'
import { JobError } from './job-error.ts'
import type { MarketPorts } from './market-ports.ts'

export interface Grades extends Graded {
  readonly judge: JudgeName
}

interface Graders {
  readonly settings: NonNullable<SampledEvaluation['graded']>
  /** Digest of the held-out judge; absent where the Evaluation names none. */
  readonly evaluator: string | undefined
  /** Digests of the models whose lists are graded. */
  readonly judged: readonly string[]
  readonly source: Artifact
  readonly dataset: Dataset
  readonly market: Market
  readonly ports: Pick<MarketPorts, 'openEvaluator' | 'openTruth'>
}

/** @throws JobError where the judge that is asked for is not there */
export async function gradeLists(
  lists: readonly SampledList[],
  graders: Graders,
  context: ProcessorContext,
): Promise<Grades> {
  const { settings, market } = graders
  const { name, judge, release } = await openJudge(graders, context)
  try {
    const organicValue = Number(settings.organicValue) * bidUnitOf(market)
    const ecpm = await ecpmOf(lists, judge, organicValue, (done) =>
      context.progress({ phase: 'Grading', step: done, totalSteps: lists.length }),
    )
    const gainsOf = settings.gain === 'Quantile' ? quantileGains(settings.levels) : rankNormalisedGains
    return { judge: name, gain: settings.gain, ecpm, gains: gainsOf(ecpm) }
  } finally {
    await release()
  }
}

interface OpenedJudge {
  readonly name: JudgeName
  readonly judge: JudgeLists
  release(): Promise<void>
}

async function openJudge(graders: Graders, { store, threads }: ProcessorContext): Promise<OpenedJudge> {
  const { settings, evaluator, judged, source, dataset, ports } = graders
  const truth = settings.judge === 'HeldOut' ? undefined : await ports.openTruth(source)
  if (truth !== undefined) return { name: 'Truth', judge: judgeByTruth(truth), release: async () => undefined }
  if (settings.judge !== 'Truth' && evaluator !== undefined) {
    const { judgeLists, release } = await ports.openEvaluator(evaluator, { store, threads, dataset, judged })
    return { name: 'HeldOut', judge: judgeLists, release }
  }
  throw new JobError('NoJudge', noJudge(settings.judge), { retryable: false })
}

function noJudge(wanted: NonNullable<SampledEvaluation['graded']>['judge']): string {
  const evaluator = 'name a TrainingRun with a held-out reward model in spec.sampledLists.graded.evaluator'
  if (wanted === 'Truth')
    return `spec.sampledLists.graded.judge is Truth, but the Dataset has no simulated marketplace, whose truth alone is known; set it to HeldOut and ${evaluator}.`
  if (wanted === 'HeldOut') return `spec.sampledLists.graded.judge is HeldOut, but no evaluator is named; ${evaluator}.`
  return `Nobody can tell how often the candidates of spec.sampledLists would be clicked: the Dataset has no simulated marketplace; ${evaluator}, or leave graded out.`
}
