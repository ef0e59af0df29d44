import type { TrainingRun } from '../../crds/kinds/training-run.ts'

/**
 * Why the model of a run cannot rank: it has stages, and not those that a list needs. Such a run makes a held-out
 * evaluator. Undefined where it can.
 */
export function cannotRank({ metadata, spec }: TrainingRun): string | undefined {
  const { model, stages } = spec
  if (model === undefined || model.architecture === 'DecoderOnly') return undefined
  // OneRanker trained in one joint stage has no stage of the generator's own.
  const generates = stages?.pretrain ?? (model.architecture === 'OneRanker' ? stages?.ranking : undefined)
  const lacks = Object.entries({ pretrain: generates, reward: stages?.reward }).filter(
    ([, stage]) => stage === undefined,
  )
  if (lacks.length === 0) return undefined
  const names = lacks.map(([name]) => name)
  return `TrainingRun "${metadata.name}" trains no stage ${names.join(' and no stage ')}, so its model can allocate no list; name a run with both stages (a run of stage reward alone serves as market.evaluator of an Evaluation)`
}
