// The stage of the reward model. What decides it are the data and its own options: runs of all architectures share it.

import type { RewardData } from '../../auction/reward-model/data.ts'
import type { RewardShape } from '../../auction/reward-model/shape.ts'
import { rewardStart, trainRewardModel } from '../../auction/reward-model/training.ts'
import type { Spec, StageSpec } from './settings.ts'
import type { Pinned } from './sources.ts'
import type { StageJob } from './stages.ts'

export interface RewardJobInputs {
  readonly spec: Spec
  readonly stage: StageSpec<'reward'>
  readonly shape: RewardShape
  readonly pinned: Pinned
  data(): RewardData
}

export function rewardJob({ spec, stage, shape, pinned, data }: RewardJobInputs, threads: number): StageJob {
  const options = {
    shape,
    epochs: stage.maxEpochs,
    batchSize: stage.batchSize,
    learningRate: Number(stage.learningRate),
    weightDecay: Number(spec.optimizer.weightDecay),
    clipNorm: Number(spec.optimizer.clipNorm),
    dropout: Number(spec.model.dropout),
    patience: stage.patienceEpochs,
    calibration: stage.calibration,
    fold: stage.fold,
    // One division of users for all runs, so that a model of one half never sees the other's.
    foldSeed: 0,
    seed: spec.seed,
  }
  const trained = { ...options, threads }
  return {
    name: 'reward',
    inputs: { ...pinned, options },
    start: () => rewardStart(trained, data()),
    train: (start, ports) => trainRewardModel(trained, data(), start, ports),
  }
}
