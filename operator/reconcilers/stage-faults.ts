// What a real API server refuses by a rule of the TrainingRun's schema; the embedded one leaves it to us.

import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { defaultKlWeight } from '../../crds/stages.ts'

type Spec = TrainingRun['spec']
type Stages = NonNullable<Spec['stages']>
type Ega = NonNullable<Spec['model']['ega']>
type OneRanker = NonNullable<Spec['model']['oneRanker']>

/** Why these stages cannot be trained with this model; undefined where they can. */
export function faultOf({ model, stages, warmStart }: Spec): string | undefined {
  const architecture = model?.architecture
  if (architecture !== 'EGAV2' && architecture !== 'OneRanker') return undefined
  const part = architecture === 'EGAV2' ? 'ega' : 'oneRanker'
  if (model[part] === undefined || stages === undefined)
    return `architecture ${architecture} needs model.${part} and stages; give both, empty where the defaults do`
  if (warmStart !== undefined)
    return `a run of architecture ${architecture} starts from its own stages; leave out warmStart`
  if (model.oneRanker !== undefined) return faultOfOneRanker(model.oneRanker, stages)
  if (model.ega === undefined) return faultOfEga(stages)
  return faultOfEga(stages) ?? faultOfTuning(stages) ?? faultOfSearch(model.ega, stages)
}

function faultOfEga(stages: Stages): string | undefined {
  const { pretrain, reward, allocation, ranking, payment } = stages
  if (ranking !== undefined) return 'stages.ranking is of architecture OneRanker; leave it out'
  if (pretrain === undefined && reward === undefined)
    return 'stages gives neither pretrain nor reward; give one of them'
  if ((allocation ?? payment) !== undefined && (pretrain === undefined || reward === undefined))
    return `stages.${allocation === undefined ? 'payment' : 'allocation'} needs stages.pretrain and stages.reward before it; give them`
  return faultOfClicks(stages)
}

/** Whether a field has its default, or is left out. */
const isUsual = (value: string | number | undefined, usual: number): boolean =>
  value === undefined || Number(value) === usual

/** A weight of clicks that nothing reads. */
function faultOfClicks({ order, pretrain, ranking }: Stages): string | undefined {
  if (ranking?.clickedWeight !== undefined && order !== 'Joint')
    return 'stages.ranking.clickedWeight is of order Joint; give stages.pretrain.clickedWeight, which goes on in stages.ranking'
  if (pretrain === undefined || ranking !== undefined) return undefined
  return pretrain.targets.includes('Exposed') || isUsual(pretrain.clickedWeight, 1)
    ? undefined
    : 'stages.pretrain.clickedWeight weighs clicks of exposed lists; leave it out, or add Exposed to stages.pretrain.targets'
}

/** What of the stage allocation would not be read. */
function faultOfTuning({ order, allocation }: Stages): string | undefined {
  if (allocation === undefined) return undefined
  const isTethered = Number(allocation.klWeight) !== Number(defaultKlWeight)
  if (order === 'Joint' && (allocation.trained !== 'Head' || isTethered))
    return 'stages.order Joint tunes the whole generator, and holds it by nothing; leave out stages.allocation.trained and stages.allocation.klWeight'
  if (allocation.trained === 'Head' && isTethered)
    return 'stages.allocation.klWeight holds the whole generator; set stages.allocation.trained to Full, or leave klWeight out'
  return undefined
}

/** Where the search for lists and what learns from it or prices by it do not fit. */
function faultOfSearch(ega: Ega, { order, pretrain, reward, allocation, payment }: Stages): string | undefined {
  if (order === 'Joint' && (pretrain === undefined || reward === undefined || payment === undefined))
    return 'stages.order Joint of EGAV2 needs stages.pretrain, stages.reward and stages.payment; give them'
  if (ega.alternatives === 'Swaps' && ega.bidding.bids !== 'Expected')
    return 'model.ega.alternatives Swaps climbs by expected bids; set model.ega.bidding.bids to Expected'
  if (Number(ega.bidding.alpha) + Number(ega.bidding.beta) === 0)
    return 'model.ega.bidding.alpha and beta are both 0, and no bid would weigh anything; set one of them above 0'
  const idle =
    ega.bidding.weights === 'None' ? (['bids', 'unit'] as const).find((field) => ega.bidding[field]) : undefined
  if (idle !== undefined)
    return `model.ega.bidding.weights None weighs no codes by bids; leave out model.ega.bidding.${idle}`
  if (ega.allocation !== 'Cascade') return undefined
  if (ega.bidding.weights !== 'None')
    return 'model.ega.allocation Cascade weighs no codes by bids; set model.ega.bidding.weights to None'
  if (ega.organicOrder !== undefined)
    return 'model.ega.allocation Cascade takes organic items in their order; leave out model.ega.organicOrder'
  const stage = allocation === undefined ? payment && 'payment' : 'allocation'
  return (
    stage && `stages.${stage} is of lists that are searched, and model.ega.allocation Cascade has none; leave it out`
  )
}

function faultOfOneRanker(model: OneRanker, stages: Stages): string | undefined {
  if (model.refinement === false && model.sampledItems > 0)
    return 'model.oneRanker.sampledItems are of the loss of step 2; set it to 0 where refinement is false'
  if (model.refinement === false && model.candidateRoute === 'SemanticIds')
    return 'model.oneRanker.refinement false leaves codes as the only way to candidates; leave out model.oneRanker.candidateRoute'
  return faultOfOrder(stages) ?? faultOfRanking(model, stages) ?? faultOfClicks(stages) ?? faultOfWeights(stages)
}

/** What a stage lacks before it. */
function faultOfOrder({ order, pretrain, reward, allocation, ranking, payment }: Stages): string | undefined {
  if (allocation !== undefined) return 'stages.allocation is of architecture EGAV2; leave it out'
  const generator = pretrain ?? ranking
  if ((generator ?? reward) === undefined) return 'stages gives none of pretrain, reward and ranking; give one of them'
  if (order === 'Joint' && (ranking === undefined || pretrain !== undefined))
    return 'stages.order Joint needs stages.ranking, which learns all losses from the start; leave out stages.pretrain'
  if (order !== 'Joint' && ranking !== undefined && pretrain === undefined)
    return 'stages.ranking needs stages.pretrain before it, or stages.order Joint'
  if (payment !== undefined && (reward === undefined || generator === undefined))
    return 'stages.payment needs stages.reward and a generator (stages.pretrain, or stages.ranking of order Joint) before it; give them'
  return undefined
}

/** Where the stage ranking and the parts of the model that it trains do not fit. */
function faultOfRanking(model: OneRanker, { pretrain, reward, ranking }: Stages): string | undefined {
  if (ranking === undefined)
    return pretrain === undefined || model.ranking === false
      ? undefined
      : 'the ranking decoder is trained in stages.ranking; give it, or set model.oneRanker.ranking to false'
  if (model.ranking === false)
    return 'stages.ranking trains the ranking decoder; leave it out, or set model.oneRanker.ranking to true'
  if (ranking.labels !== 'Logged' && reward === undefined)
    return 'stages.ranking needs stages.reward before it, or labels Logged'
  if (model.refinement === false && Number(ranking.consistencyWeight) !== 0)
    return 'stages.ranking.consistencyWeight draws the value tokens of step 2 to the ranker; set it to "0" where model.oneRanker.refinement is false'
  if (model.refinement === false && ranking.ownCandidates > 0)
    return 'stages.ranking.ownCandidates are proposed by the value tokens of step 2; set it to 0 where model.oneRanker.refinement is false'
  if (ranking.ownCandidates >= model.candidates)
    return 'stages.ranking.ownCandidates must be below model.oneRanker.candidates'
  return undefined
}

/** What losses that have no weight leave without a use. */
function faultOfWeights({ ranking }: Stages): string | undefined {
  if (ranking === undefined) return undefined
  if (Number(ranking.rankWeight) === 0)
    return 'stages.ranking.rankWeight must be above 0, as nothing else teaches the ranking decoder; to do without, leave out stages.ranking and set model.oneRanker.ranking to false'
  if (Number(ranking.consistencyWeight) !== 0) return undefined
  if (!isUsual(ranking.temperature, 1) || !isUsual(ranking.consistencyWarmupSteps, 200))
    return 'stages.ranking.consistencyWeight 0 leaves L_DC out; leave out consistencyWarmupSteps and temperature'
  return ranking.labels === 'Logged' && ranking.ownCandidates > 0
    ? 'stages.ranking.labels Logged says nothing of candidates that were not shown, and consistencyWeight 0 leaves out L_DC, which would; leave out stages.ranking.ownCandidates'
    : undefined
}
