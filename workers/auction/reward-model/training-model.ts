// The loss of a batch of exposed lists (Eq. 30): binary cross-entropy for each reward, summed over the slots, averaged
// over requests.

import { maskedDropout, maskInput } from '../../ranker/dropout.ts'
import type { TensorData } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { InputSpec, TrainingModel } from '../../tensor/training-step.ts'
import { listValues, lookUp, specsOf, tableVectors } from './graph-inputs.ts'
import { rewardDropoutPlaces, stackedLogits } from './scores.ts'
import { type RewardShape, rewardLayout, rewardsOf } from './shape.ts'
import { rewardUser } from './user.ts'

const inputSpecs = (shape: RewardShape, lists: number, dropout: number): Record<string, InputSpec> => {
  const { historyLength, listLength } = shape
  const perEntry = [rewardsOf(shape).length, lists, listLength]
  const specs: Record<string, InputSpec> = {
    history: { type: 'int32', shape: [lists, historyLength] },
    length: { type: 'int32', shape: [lists] },
    items: { type: 'int32', shape: [lists, listLength] },
    isAd: { type: 'float32', shape: [lists, listLength] },
    labels: { type: 'float32', shape: perEntry },
    weights: { type: 'float32', shape: perEntry },
  }
  if (shape.creativeCodebooks.length > 0) specs.creatives = { type: 'int32', shape: [lists, listLength] }
  if (dropout > 0)
    for (const place of rewardDropoutPlaces(shape, lists))
      specs[maskInput(place.name)] = { type: 'bool', shape: place.shape }
  return specs
}

/**
 * The training model for batches of so many lists. `weights` [T, lists, K] is 1 / requests for labels that count, else
 * 0, so that the loss is the mean over requests.
 * @param tables from `tableTensors`, of items and, where the model scores them, creatives
 */
export const rewardTrainingModel = (
  shape: RewardShape,
  tables: Readonly<Record<string, TensorData>>,
  lists: number,
  dropout: number,
): TrainingModel => ({
  layout: rewardLayout(shape),
  inputs: { ...specsOf(tables), ...inputSpecs(shape, lists, dropout) },
  loss(parameters, batch) {
    const { historyLength, listLength, hiddenSize } = shape
    const { history, length, items, isAd, labels, weights } = batch
    const read = lists * historyLength
    const index = op.concat([op.reshape(history, [read]), lookUp(items)], 0)
    const vectors = tableVectors('item', parameters, shape, batch, index)
    const [ofHistory, ofLists] = op.split(vectors, 0, [read, lists * listLength])
    const { creatives } = batch
    const values =
      creatives === undefined
        ? listValues(shape, { items, isAd }, { items: ofLists })
        : listValues(
            shape,
            { items, creatives, isAd },
            { items: ofLists, creatives: tableVectors('creative', parameters, shape, batch, lookUp(creatives)) },
          )
    const user = rewardUser(parameters, shape, {
      history: op.reshape(ofHistory, [lists, historyLength, hiddenSize]),
      length,
    })
    const logits = stackedLogits(parameters, shape, user, values, maskedDropout(batch, dropout))
    const losses = op.sub(op.softplus(logits), op.mul(labels, logits))
    return { loss: op.reduceSum(op.mul(losses, weights)) }
  },
})
