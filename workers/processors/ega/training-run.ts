import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import type { EgaModel } from '../../ranker/ega/ega-artifact.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import type { Spec } from '../staged/settings.ts'
import { type FinishedStage, runStageJob, stageHost } from '../staged/stages.ts'
import { openEgaInputs, type PartialModel } from './inputs.ts'
import { runJointStage } from './joint-stage.ts'
import { publishEga } from './publish.ts'
import { allocationJob, paymentJob, pretrainJob, rewardJob } from './stage-jobs.ts'

/** Trains EGA-V2 stage by stage; stages that another run has trained are taken as they are. */
export async function processEgaTrainingRun(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const inputs = await openEgaInputs(payload, context)
  const host = stageHost(payload, context)
  const finished: FinishedStage[] = []
  const { stages } = inputs
  const model: PartialModel = { weights: { generator: undefined, reward: undefined, payment: undefined } }
  const keep = (network: keyof EgaModel['weights'], stage: FinishedStage) => {
    finished.push(stage)
    model.weights = { ...model.weights, [network]: stage.parameters }
  }
  if (stages.order === 'Joint') {
    const { weights, stage } = await runJointStage(payload, inputs, host)
    return publishEga(payload, context, { inputs, weights, stages: [stage] })
  }
  const before = () => ({ model, before: finished.map(({ digest }) => digest) })
  if (stages.pretrain !== undefined) keep('generator', await runStageJob(pretrainJob(payload, inputs, host), host))
  if (stages.reward !== undefined) keep('reward', await runStageJob(rewardJob(payload, inputs, host), host))
  if (stages.allocation !== undefined)
    keep('generator', await runStageJob(allocationJob(payload, inputs, host, before()), host))
  if (stages.payment !== undefined)
    keep('payment', await runStageJob(paymentJob(payload, inputs, host, before()), host))
  return publishEga(payload, context, { inputs, weights: model.weights, stages: finished })
}
