import {
  modelMetricsLimit,
  type PipelineModel,
  type PipelineRun,
  type PipelineRunState,
} from '../../../crds/pipeline-status.ts'
import type { Draft } from './draft.ts'
import type { SeenChild } from './observation.ts'

/** The model of a run whose training is done, as far as its children tell. */
export function modelOf(draft: Draft, run: PipelineRun, reason: string): PipelineModel | undefined {
  const training = draft.child('TrainingRun', run)
  const evaluation = draft.child('Evaluation', run)
  const { model, dataset, tokenizer } = run
  if (model === undefined || dataset === undefined || tokenizer === undefined) return undefined
  const parent = training?.inputs.parent
  // What is called `PopRec Recall@10` is not of the model.
  const own = evaluation?.metrics.filter(({ name }) => !name.includes(' ')) ?? []
  const metrics = own.slice(0, modelMetricsLimit).map((metric) => ({ ...metric }))
  return {
    digest: model,
    run: run.number,
    trainingRun: run.name,
    dataset,
    tokenizer,
    ...(parent === undefined ? {} : { parent }),
    ...(run.evaluation === undefined ? {} : { evaluation: run.evaluation }),
    ...(evaluation?.summary === undefined ? {} : { summary: evaluation.summary }),
    metrics,
    reason,
  }
}

/** What becomes of a run that came to its end: its Evaluation is Ready, and is one of its model. */
export function judge(draft: Draft, run: PipelineRun, evaluation: SeenChild): void {
  const model = modelOf(draft, run, 'waits for promotion.approvedDigest')
  if (!model) return
  const obstacle = obstacleOf(draft, run, model, evaluation)
  if (draft.status.champion?.digest === model.digest) keep(draft, run, model)
  else if (obstacle) draft.endRun(run, ...obstacle)
  else accept(draft, run, model, reasonOf(draft, evaluation))
}

/** The model is good enough: it becomes the champion, or waits for a person. */
function accept(draft: Draft, run: PipelineRun, model: PipelineModel, because: string): void {
  const { policy, approvedDigest } = draft.seen.spec.promotion
  if (policy === 'Automatic') draft.promote(model, because)
  else if (approvedDigest === model.digest) {
    draft.set({ lastHandledApproval: model.digest })
    draft.promote(model, `${because}; approved by promotion.approvedDigest`, model.digest)
  } else {
    const before = draft.runs.find(({ state }) => state === 'AwaitingApproval')
    if (before) draft.endRun(before, 'Superseded', `${run.name} takes its place as the candidate`)
    draft.nominate(model)
    draft.endRun(run, 'AwaitingApproval', `${because}; set promotion.approvedDigest to ${model.digest} to promote it`)
  }
}

/** The same model again: it is as good as it was, and what was measured last is what status shows. */
function keep(draft: Draft, run: PipelineRun, model: PipelineModel): void {
  const { champion } = draft.status
  if (champion) {
    const { reason, promotedAt } = champion
    draft.set({ champion: { ...model, reason, promotedAt } })
  }
  draft.endRun(run, 'Unchanged', `it made the champion ${model.digest} again: its inputs are the same`)
}

/** Whether what it was compared with has stepped back since. */
function isOutdated(draft: Draft, run: PipelineRun): boolean {
  const { promotion, evaluationTemplate } = draft.seen.spec
  const { gates = [] } = evaluationTemplate
  const compares =
    (promotion.minimumDifferences?.length ?? 0) > 0 || gates.some((gate) => gate.minDifferenceToChampion !== undefined)
  return compares && draft.standingChampion !== undefined && run.champion !== draft.standingChampion.digest
}

/** Why a model does not become the champion; undefined: nothing is in the way. */
function obstacleOf(
  draft: Draft,
  run: PipelineRun,
  model: PipelineModel,
  evaluation: SeenChild,
): [PipelineRunState, string] | undefined {
  const { champion } = draft.status
  if (champion && champion.run > model.run) return ['Superseded', `${champion.trainingRun} was promoted meanwhile`]
  if (isOutdated(draft, run)) {
    const message = `it was compared with ${run.champion ?? 'no model'}, which is not the champion any more; another run compares it anew`
    return ['Outdated', message]
  }
  if (draft.seen.spec.promotion.requirePassed && !evaluation.passed)
    return ['NotPromoted', `Evaluation "${evaluation.name}" is not Passed: ${evaluation.message}`]
  const worse = draft.standingChampion && shortfall(draft, evaluation)
  return worse === undefined ? undefined : ['NotPromoted', worse]
}

/** The first metric in which the model is not as much better than the champion as it must be. */
function shortfall(draft: Draft, evaluation: SeenChild): string | undefined {
  for (const { metric, value, judgedBy } of draft.seen.spec.promotion.minimumDifferences ?? []) {
    const found = evaluation.comparison.find((one) => one.metric === metric)
    if (!found) return `Evaluation "${evaluation.name}" does not compare ${metric} with the champion`
    const { difference, low, high } = found
    const judged = judgedBy === 'Estimate' ? difference : low
    if (Number(judged) < Number(value))
      return `${metric} differs from the champion by ${difference} [${low}, ${high}]; at least ${value} is wanted (${judgedBy})`
  }
  return undefined
}

function reasonOf(draft: Draft, evaluation: SeenChild): string {
  const { requirePassed, minimumDifferences = [] } = draft.seen.spec.promotion
  const passed = requirePassed ? ['Passed'] : []
  if (!draft.standingChampion) return [...passed, 'there is no champion'].join('; ')
  const compared = minimumDifferences.flatMap(({ metric }) => {
    const found = evaluation.comparison.find((one) => one.metric === metric)
    return found ? [`${metric} differs from the champion by ${found.difference} [${found.low}, ${found.high}]`] : []
  })
  return [...passed, ...compared].join('; ') || 'nothing more is asked of it'
}

/** A person's word: promotion.approvedDigest, and adloom.dev/promote. */
export function followPeople(draft: Draft): void {
  const { annotations, spec } = draft.seen
  const { promote } = annotations
  if (promote !== undefined && promote !== draft.status.lastHandledPromote) {
    draft.set({ lastHandledPromote: promote.slice(0, 256) })
    const digest = /sha256:[0-9a-f]{64}/.exec(promote)?.[0] ?? draft.status.candidate?.digest
    const refusal = digest === undefined ? 'there is no candidate; name a digest' : promoteByHand(draft, digest)
    if (refusal !== undefined) draft.tell('Warning', 'PromotionRefused', `adloom.dev/promote: ${refusal}`)
  }
  const approved = spec.promotion.policy === 'Manual' ? spec.promotion.approvedDigest : undefined
  if (approved === undefined || approved === draft.status.lastHandledApproval || draft.isRejected(approved)) return
  const model = knownModel(draft, approved)
  if (!model || draft.seen.missing.has(approved)) return
  draft.set({ lastHandledApproval: approved })
  if (draft.status.champion?.digest !== approved) draft.promote(model, 'approved by promotion.approvedDigest', approved)
}

/** Why it was not done; undefined: it was. */
function promoteByHand(draft: Draft, digest: string): string | undefined {
  if (draft.status.champion?.digest === digest) return `${digest} is the champion already`
  const run = draft.runs.find(({ model }) => model === digest)
  const model = knownModel(draft, digest) ?? (run && modelOf(draft, run, ''))
  if (!model) return `no run that is kept, and no former champion, has the digest ${digest}`
  if (draft.seen.missing.has(digest)) return `artifact ${digest} is not in the store`
  const evaluation = run && draft.child('Evaluation', run)
  const isFormer = draft.status.lineage?.some((one) => one.digest === digest)
  // Of a candidate of a cluster that is gone no run is left; it would not wait if it had not passed.
  const hasPassed = evaluation ? evaluation.passed : draft.status.candidate?.digest === digest
  if (draft.seen.spec.promotion.requirePassed && !isFormer && !hasPassed)
    return `the Evaluation of ${digest} is not Passed, and promotion.requirePassed is true`
  draft.promote(model, 'asked for by adloom.dev/promote')
  return undefined
}

const knownModel = ({ status: { candidate, champion, lineage = [] } }: Draft, digest: string) =>
  [candidate, champion, ...lineage].find((model) => model?.digest === digest)
