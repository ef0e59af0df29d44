// A trained EGA-V2 as an allocation rule.

import { paymentLayout } from '../../auction/payment-network/shape.ts'
import { rewardLayout } from '../../auction/reward-model/shape.ts'
import type { AuctionDefaults, EgaDescription, EgaModel } from '../../ranker/ega/ega-artifact.ts'
import { generatorLayout } from '../../ranker/ega/generator-shape.ts'
import type { Graph } from '../../tensor/graph.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { AuctionDecoder, type AuctionDecoderOptions } from './auction-decoder.ts'
import { type AuctionModelParts, creativesByItem, type ListJudge } from './auction-graph.ts'
import { withPayments } from './payment-judge.ts'

import { rewardJudge } from './reward-judge.ts'

/** A model that lacks a part which the allocation needs. */
export class IncompleteModelError extends Error {
  readonly reason = 'IncompleteModel'
  readonly retryable = false

  constructor(digest: string, lacks: string) {
    super(`Model ${digest} has no ${lacks}: train the stages pretrain and reward, or name a model that has them`)
    this.name = 'IncompleteModelError'
  }
}

type EgaParts = Pick<EgaModel, 'catalogue' | 'creativeOffsets' | 'expectedBids' | 'weights' | 'digest'> &
  Pick<EgaDescription, 'shapes'>

/** @throws IncompleteModelError */
export function auctionParts({
  shapes,
  catalogue,
  creativeOffsets,
  expectedBids,
  digest,
}: Omit<EgaParts, 'weights'>): AuctionModelParts {
  if (shapes.generator === null) throw new IncompleteModelError(digest, 'generator')
  return {
    shape: shapes.generator,
    catalogue,
    creativesByItem: creativeOffsets === undefined ? undefined : creativesByItem(creativeOffsets),
    expectedBids,
  }
}

/** Reward model, and payment network where there is one, with these weights as constants. */
export function judgeOf({ shapes, catalogue, weights, digest }: EgaParts): ListJudge {
  const { reward, payment } = weights
  if (shapes.reward === null || reward === undefined) throw new IncompleteModelError(digest, 'reward model')
  const layout = rewardLayout(shapes.reward)
  const parameters = (graph: Graph) => constantParameters(graph, reward, layout)
  const judge = rewardJudge({ shape: shapes.reward, catalogue, parameters })
  if (shapes.payment === null || payment === undefined) return judge
  const ofPayment = paymentLayout(shapes.payment)
  return withPayments(judge, {
    shape: shapes.payment,
    parameters: (graph) => constantParameters(graph, payment, ofPayment),
  })
}

/** @throws IncompleteModelError */
export function egaDecoder(
  model: EgaParts,
  auction: Pick<AuctionDefaults, 'objective' | 'bidding'>,
  options: AuctionDecoderOptions,
): AuctionDecoder {
  const { generator } = model.weights
  const parts = auctionParts(model)
  if (generator === undefined) throw new IncompleteModelError(model.digest, 'generator')
  const layout = generatorLayout(parts.shape)
  const weights = {
    parameters: (graph: Graph) => constantParameters(graph, generator, layout),
    judge: judgeOf(model),
  }
  return new AuctionDecoder(parts, weights, auction, options)
}
