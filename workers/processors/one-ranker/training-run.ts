import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import type { OneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import type { Spec } from '../staged/settings.ts'
import { type FinishedStage, runStageJob, stageHost } from '../staged/stages.ts'
import { openAllocation } from './allocation.ts'
import { openOneRankerInputs } from './inputs.ts'
import { publishOneRanker } from './publish.ts'
import { paymentJob, pretrainJob, rankingJob, rewardJob } from './stage-jobs.ts'

/**
 * Trains OneRanker stage by stage; stages that another run has trained are taken as they are. In one joint stage the
 * ranking stage begins from random parameters.
 */
export async function processOneRankerTrainingRun(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const inputs = await openOneRankerInputs(payload, context)
  const { stages } = inputs
  const host = stageHost(payload, context)
  const finished: FinishedStage[] = []
  let weights: OneRankerModel['weights'] = { ranker: undefined, reward: undefined, payment: undefined }
  const keep = (network: keyof OneRankerModel['weights'], stage: FinishedStage) => {
    finished.push(stage)
    weights = { ...weights, [network]: stage.parameters }
  }
  const before = (...names: readonly string[]) => ({
    weights,
    before: finished.filter(({ name }) => names.includes(name)).map(({ digest }) => digest),
  })
  if (stages.pretrain !== undefined) keep('ranker', await runStageJob(pretrainJob(inputs, host), host))
  if (stages.reward !== undefined) keep('reward', await runStageJob(rewardJob(inputs, host), host))
  if (stages.ranking !== undefined) {
    // Logged labels owe nothing to the reward model.
    const learned = stages.ranking.labels === 'Logged' ? before('pretrain') : before('pretrain', 'reward')
    keep('ranker', await runStageJob(rankingJob(inputs, host, learned), host))
  }
  if (stages.payment !== undefined) {
    const allocated = before('pretrain', 'reward', 'ranking')
    keep('payment', await runStageJob(paymentJob(inputs, host, allocated, openAllocation), host))
  }
  return publishOneRanker(payload, context, { inputs, weights, stages: finished })
}
