// The losses of OneRanker as graphs: multi-token prediction alone (pretrain), or with the ranking decoder's (ranking).

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import type { InputSpec, Losses, TrainingModel } from '../../tensor/training-step.ts'
import type { Catalogue } from '../catalogue.ts'
import type { Scorer } from '../code-decoder.ts'
import { type Dropout, type DropoutPlace, maskedDropout, maskInput } from '../dropout.ts'
import { catalogueSpecs } from '../ega/generator-catalogue.ts'
import { itemLosses, trieTables } from '../ega/pretraining-model.ts'
import { itemsAt, type TokenTable, tableOf } from '../ega/token-vectors.ts'
import type { Regularization } from '../training-model.ts'
import { itemVectors, taskScores, userVectors, valueScores, valueScoresAmong } from './dual-channel.ts'
import { type Generated, generate } from './hstu.ts'
import { interestStates } from './interest-heads.ts'
import {
  catalogueConsistencyLoss,
  catalogueLosses,
  consistencyLoss,
  logPartition,
  multiTokenLoss,
  pairwiseLoss,
} from './losses.ts'
import { oneRankerPlaces } from './places.ts'
import { rankCandidates, rankingMemory } from './ranking-decoder.ts'
import { type Refined, refine } from './refinement.ts'
import { sampledInputs, sampleSize } from './sampled-items.ts'
import { type OneRankerShape, oneRankerLayout, taskCount } from './shape.ts'
import { embedStream, streamSpecs } from './stream.ts'

type Inputs = Readonly<Record<string, Value>>

export const targetInputs = {
  /** Target of each head, int32 [B, heads]; anything within range where the weight is 0. */
  items: 'target.items',
  /** float32 [B, heads]. */
  weights: 'target.weights',
} as const

export const candidateInputs = {
  /** int32 [B, n], anything within range where none is present. */
  items: 'candidate.items',
  /** 1 for an ad, float32 [B, n]. */
  isAd: 'candidate.isAd',
  /** Logarithm of the value of a click, float32 [B, n]. */
  logValue: 'candidate.logValue',
  /** eCPM, float32 [B, n]. */
  label: 'candidate.label',
  /** 1 where there is a label, float32 [B, n]. */
  labelled: 'candidate.labelled',
  /** 1 for a candidate, 0 for padding, float32 [B, n]. */
  present: 'candidate.present',
  /** Weight of L_DC in this step, float32 []. */
  consistencyWeight: 'consistency.weight',
} as const

export interface RankingLosses {
  /** Candidates of a row (n). */
  readonly candidates: number
  readonly multiTokenWeight: number
  readonly rankWeight: number
  /** Whether L_DC has a part; how much, is an input. It needs step 2. */
  readonly consistency: boolean
  readonly temperature: number
}

export interface TrainingModelOptions {
  readonly batch: number
  /** Smoothing is of the codes of targets. */
  readonly regularization: Regularization
  /** Weight of the codes of a target beside the item, where there is step 2. */
  readonly semanticIdWeight: number
  /** Items that are drawn in place of the whole catalogue, where there is step 2; 0: the whole of it. */
  readonly sampledItems: number
  /** Absent: L_MTP alone. */
  readonly ranking?: RankingLosses
}

/** Heads of multi-token prediction: those of step 2, which has value tokens, or those of step 1 alone. */
export const headCount = (shape: OneRankerShape): number => (shape.refinement ? taskCount(shape) : shape.interestTokens)

const samples = (shape: OneRankerShape, { sampledItems }: TrainingModelOptions): boolean =>
  shape.refinement && sampledItems > 0

const sampledSpecs = (heads: number, itemCount: number, { batch, sampledItems }: TrainingModelOptions) => {
  const size = sampleSize(sampledItems, batch * heads, itemCount)
  return {
    [sampledInputs.items]: { type: 'int32', shape: [size] },
    [sampledInputs.logWeight]: { type: 'float32', shape: [size] },
    [sampledInputs.place]: { type: 'int32', shape: [batch, heads] },
  } as const satisfies Record<string, InputSpec>
}

const candidateSpecs = (batch: number, { candidates, consistency }: RankingLosses): Record<string, InputSpec> => {
  const floats: InputSpec = { type: 'float32', shape: [batch, candidates] }
  return {
    [candidateInputs.items]: { type: 'int32', shape: [batch, candidates] },
    [candidateInputs.isAd]: floats,
    [candidateInputs.logValue]: floats,
    [candidateInputs.label]: floats,
    [candidateInputs.labelled]: floats,
    ...(consistency
      ? { [candidateInputs.present]: floats, [candidateInputs.consistencyWeight]: { type: 'float32', shape: [] } }
      : {}),
  }
}

/** All places of dropout in batches of these options; none without dropout. */
export const trainingPlaces = (
  shape: OneRankerShape,
  { batch, regularization, ranking, semanticIdWeight }: TrainingModelOptions,
): DropoutPlace[] => {
  if (regularization.dropout === 0) return []
  const rows = [batch * headCount(shape), shape.hiddenSize]
  const learnsCodes = !shape.refinement || semanticIdWeight > 0
  return [
    ...oneRankerPlaces(shape, batch, ranking?.candidates ?? 0),
    ...(learnsCodes ? shape.codebookSizes.map((_, level) => ({ name: `level.${level}.output`, shape: rows })) : []),
  ]
}

/** What the parts of a loss share. */
interface Pass {
  readonly parameters: Parameters
  readonly shape: OneRankerShape
  readonly inputs: Inputs
  readonly drop: Dropout
  readonly table: TokenTable
  readonly generated: Generated
  readonly refined: Refined | undefined
  /** e_user of every task, where there is step 2. */
  readonly users: Value | undefined
}

/** Steps 1 and 2 of a batch. */
export const generatorPass = (parameters: Parameters, shape: OneRankerShape, inputs: Inputs, drop: Dropout): Pass => {
  const table = tableOf('item', inputs, shape.codebookSizes)
  const generated = generate(parameters, shape, embedStream(parameters, shape, table, inputs, drop), drop)
  const refined = shape.refinement ? refine(parameters, shape, generated, drop) : undefined
  const users = refined && userVectors(parameters, shape, refined)
  return { parameters, shape, inputs, drop, table, generated, refined, users }
}

/** -log P of the codes of each head's target, [B, heads]. */
const codeLosses = (pass: Pass, states: Value, catalogue: Pick<Catalogue, 'trie'>, smoothing: number): Value => {
  const { parameters, shape, inputs, drop } = pass
  const targets = inputs[targetInputs.items]
  const scorer: Scorer = { parameters, shape, trie: trieTables(inputs, catalogue), drop }
  const rows = op.reshape(states, [-1, shape.hiddenSize])
  const index = op.reshape(targets, [-1])
  const losses = itemLosses(scorer, rows, index, inputs, catalogue.trie.maxChildren, smoothing)
  return op.reshape(losses, targets.shape)
}

/** What targets are told from: items int32 [M], the logarithm of their weights, and where the targets lie among them. */
const itemsToTellFrom = (
  { shape, inputs }: Pass,
  { itemCount }: Pick<Catalogue, 'itemCount'>,
  options: TrainingModelOptions,
) => {
  if (samples(shape, options))
    return {
      index: inputs[sampledInputs.items],
      logWeight: inputs[sampledInputs.logWeight],
      place: inputs[sampledInputs.place],
    }
  const place = inputs[targetInputs.items]
  const all = Int32Array.from({ length: itemCount }, (_, item) => item)
  return { index: place.graph.constant('int32', [itemCount], all), logWeight: undefined, place }
}

/** Scores of all tasks for all items, or for those that were drawn [B, tasks, M]. */
interface ItemScores {
  readonly scores: Value
  /** Absent where the items are all. */
  readonly logWeight: Value | undefined
  readonly place: Value
}

/** Undefined without step 2. */
const itemScores = (
  pass: Pass,
  catalogue: Pick<Catalogue, 'itemCount'>,
  options: TrainingModelOptions,
): ItemScores | undefined => {
  const { parameters, shape, table, users } = pass
  if (users === undefined) return undefined
  const { index, logWeight, place } = itemsToTellFrom(pass, catalogue, options)
  const items = itemVectors(parameters, shape, itemsAt(parameters, shape, table, index))
  return { scores: taskScores(users, items), logWeight, place }
}

/** L_MTP: with step 2 of items by their score among all, and of their codes; without it of their codes. */
const multiToken = (
  pass: Pass,
  scored: ItemScores | undefined,
  catalogue: Pick<Catalogue, 'itemCount' | 'trie'>,
  options: TrainingModelOptions,
): Losses => {
  const { regularization, semanticIdWeight } = options
  const { parameters, shape, inputs, generated, refined } = pass
  const weights = inputs[targetInputs.weights]
  const codes = (states: Value) =>
    multiTokenLoss(codeLosses(pass, states, catalogue, regularization.labelSmoothing), weights)
  if (refined === undefined || scored === undefined) {
    const codeLoss = codes(interestStates(parameters, shape, generated.last))
    return { loss: codeLoss, metrics: { codeLoss } }
  }
  const { scores, logWeight, place } = scored
  const weighed = logWeight === undefined ? scores : op.add(scores, logWeight)
  const itemLoss = multiTokenLoss(catalogueLosses(weighed, place), weights)
  if (semanticIdWeight === 0) return { loss: itemLoss, metrics: { itemLoss } }
  const codeLoss = codes(refined.tasks)
  return { loss: op.add(itemLoss, op.scale(codeLoss, semanticIdWeight)), metrics: { itemLoss, codeLoss } }
}

/** Pairs with different labels, and the share of them that scores put in their order; 1 where there is none. */
const concordance = (scores: Value, labels: Value, mask: Value) => {
  const [batch, count] = scores.shape
  const above = (value: Value) =>
    op.cast(op.greater(op.reshape(value, [batch, count, 1]), op.reshape(value, [batch, 1, count])), 'float32')
  const both = op.mul(op.reshape(mask, [batch, count, 1]), op.reshape(mask, [batch, 1, count]))
  const pairs = op.mul(above(labels), both)
  const right = op.reduceSum(op.mul(pairs, above(scores)))
  const total = op.reduceSum(pairs)
  return { rankPairs: total, concordance: op.where(op.greater(total, 0), op.div(right, op.maximum(total, 1)), 1) }
}

/** L_rank and L_DC, weighted. */
const rankingLosses = (pass: Pass, scored: ItemScores | undefined, options: RankingLosses): Losses => {
  const { parameters, shape, inputs, drop, table, generated, refined, users } = pass
  const items = itemsAt(parameters, shape, table, inputs[candidateInputs.items])
  const memory = rankingMemory(parameters, shape, generated, refined, drop)
  const candidates = { items, isAd: inputs[candidateInputs.isAd] }
  const quality = rankCandidates(parameters, shape, memory, candidates, drop)
  const scores = op.add(quality, inputs[candidateInputs.logValue])
  const labels = inputs[candidateInputs.label]
  const labelled = inputs[candidateInputs.labelled]
  const rankLoss = pairwiseLoss(scores, labels, labelled)
  const loss = op.scale(rankLoss, options.rankWeight)
  const metrics = { rankLoss, ...concordance(scores, labels, labelled) }
  if (!options.consistency) return { loss, metrics }
  if (users === undefined || scored === undefined)
    throw new Error('L_DC draws value tokens to the ranker: it needs step 2')
  const generator = valueScores(shape, users, itemVectors(parameters, shape, items))
  const present = inputs[candidateInputs.present]
  const { temperature } = options
  const divergence = consistencyLoss(generator, scores, present, temperature)
  const logTotal = logPartition(valueScoresAmong(shape, scored.scores), scored.logWeight)
  return {
    loss: op.add(loss, op.mul(divergence, inputs[candidateInputs.consistencyWeight])),
    metrics: {
      ...metrics,
      consistencyLoss: divergence,
      catalogueConsistencyLoss: catalogueConsistencyLoss(generator, scores, present, { temperature, logTotal }),
    },
  }
}

/**
 * The training model of batches of `batch` rows. Metrics in nats: itemLoss and codeLoss, sums over the heads; with ranking
 * rankLoss, L_DC over the candidates (consistencyLoss) and over all items or what drawn ones tell of them
 * (catalogueConsistencyLoss, which is not learned), and of the pairs that rankLoss is a mean over their number and the
 * share in order.
 */
export const oneRankerTrainingModel = (
  shape: OneRankerShape,
  catalogue: Pick<Catalogue, 'itemCount' | 'trie'>,
  options: TrainingModelOptions,
): TrainingModel => {
  const { batch, regularization, ranking } = options
  const heads = headCount(shape)
  return {
    layout: oneRankerLayout(shape),
    inputs: {
      ...catalogueSpecs(shape, catalogue, 0),
      ...streamSpecs(shape, batch),
      [targetInputs.items]: { type: 'int32', shape: [batch, heads] },
      [targetInputs.weights]: { type: 'float32', shape: [batch, heads] },
      ...(samples(shape, options) ? sampledSpecs(heads, catalogue.itemCount, options) : {}),
      ...(ranking === undefined ? {} : candidateSpecs(batch, ranking)),
      ...Object.fromEntries(
        trainingPlaces(shape, options).map((place) => [maskInput(place.name), { type: 'bool', shape: place.shape }]),
      ),
    },
    loss(parameters, inputs) {
      const pass = generatorPass(parameters, shape, inputs, maskedDropout(inputs, regularization.dropout))
      const scored = itemScores(pass, catalogue, options)
      const targets = multiToken(pass, scored, catalogue, options)
      if (ranking === undefined) return targets
      const ranked = rankingLosses(pass, scored, ranking)
      return {
        loss: op.add(op.scale(targets.loss, ranking.multiTokenWeight), ranked.loss),
        metrics: { ...targets.metrics, ...ranked.metrics },
      }
    },
  }
}
