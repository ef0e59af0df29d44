import { describe, expect, test } from 'vitest'
import { catalogueTensors } from '../../../../workers/ranker/ega/generator-catalogue.ts'
import { generatorLayout } from '../../../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../../../workers/ranker/ega/history-tensors.ts'
import { pretrain } from '../../../../workers/ranker/ega/pretraining.ts'
import { listInputs, pretrainingModel } from '../../../../workers/ranker/ega/pretraining-model.ts'
import { type StagePorts, type StageProgress, stageStart } from '../../../../workers/ranker/stage-training.ts'
import { initialParameters } from '../../../../workers/tensor/parameters.ts'
import { float32, int32, type Tensors } from '../../../../workers/tensor/session.ts'
import { checkModelGradients } from './model-gradients.ts'
import { roughParameters, smallShape } from './small-generator.ts'
import { itemCount, optionsOf, smallLists } from './small-lists.ts'

const silent: StagePorts = {
  stepped: async () => undefined,
  settled: async () => undefined,
  epochEnded: () => undefined,
}
const startOf = ({ shape, seed }: ReturnType<typeof optionsOf>): StageProgress =>
  stageStart(initialParameters(generatorLayout(shape), seed))

describe.each(['MTP', 'NextToken'] as const)('pre-training with creatives by %s', (creativePrediction) => {
  const options = optionsOf({
    shape: smallShape(itemCount, { layers: 1, listLength: 3, creativePrediction }),
    regularization: { dropout: 0, labelSmoothing: 0 },
  })

  test('learns items and creatives', async () => {
    const data = smallLists(96, 3, 1)
    const { history } = await pretrain({ ...options, epochs: 10 }, data, startOf(options), silent)
    const [first, last] = [history[0], history[history.length - 1]]
    expect(last.itemLoss).toBeLessThan(0.5 * first.itemLoss)
    expect(last.creativeLoss).toBeLessThan(0.5 * first.creativeLoss)
    expect(last.loss).toBeCloseTo(last.itemLoss + last.creativeLoss, 4)
    expect(last.validationLoss).toBeLessThan(0.7 * history[0].validationLoss)
  })

  test('goes down the gradient of its loss, and every parameter has a part in it', async () => {
    const shape = smallShape(itemCount, { layers: 1, listLength: 3, creativePrediction })
    const { catalogue } = smallLists(4, 3, 2)
    const batch: Tensors = {
      ...catalogueTensors(shape, catalogue),
      ...historyTensors(shape, [
        { items: Uint32Array.of(3, 1, 7), creatives: Int32Array.of(6, -1, 14) },
        { items: new Uint32Array(0) },
      ]),
      [listInputs.items]: int32([2, 3], [4, 9, 2, 11, 5, 0]),
      [listInputs.creatives]: int32([2, 3], [8, 19, -1, 23, 10, -1]),
      [listInputs.weights]: float32([2, 3], [1, 1, 1, 1, 2, 0]),
      [listInputs.creativeWeights]: float32([2, 3], [1, 1, 0, 1, 2, 0]),
    }
    const model = pretrainingModel(shape, catalogue.items, catalogue.creatives?.count ?? 0, {
      batch: 2,
      regularization: { dropout: 0, labelSmoothing: 0.1 },
    })
    expect(await checkModelGradients(model, roughParameters(shape), batch)).toEqual([])
  })
})

describe('pre-training', () => {
  const options = optionsOf({ epochs: 2, patience: 0 })
  const data = smallLists(40, 3, 4)

  test('goes on from a checkpoint to the same bytes, dropout and all', async () => {
    const saved: StageProgress[] = []
    const ports = {
      ...silent,
      settled: async (_: number, snapshot: () => StageProgress) => void saved.push(snapshot()),
    }
    const whole = await pretrain(options, data, startOf(options), ports)
    expect(saved).toHaveLength(6)
    // In the middle of the first epoch: what is left of its order of samples and its masks is made anew.
    const resumed = await pretrain(options, data, structuredClone(saved[1]), silent)
    expect(resumed.parameters).toEqual(whole.parameters)
    expect(resumed.history).toEqual(whole.history)
  })
})
