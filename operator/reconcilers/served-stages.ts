import type { TrainingRun } from '../../crds/kinds/training-run.ts'

/**
 * Why the model of a run cannot rank: it has stages, and not those that a list needs. Such a run makes a held-out
 * evaluator. Undefined where it can.
 */
export function cannotRank({ metadata, spec }: TrainingRun): string | undefined {
  if (spec.model?.architecture !== 'EGAV2') return undefined
  const lacks = (['pretrain', 'reward'] as const).filter((stage) => spec.stages?.[stage] === undefined)
  if (lacks.length === 0) return undefined
  return `TrainingRun "${metadata.name}" trains no stage ${lacks.join(' and no stage ')}, so its model can allocate no list; name a run with both stages (a run of stage reward alone serves as market.evaluator of an Evaluation)`
}
