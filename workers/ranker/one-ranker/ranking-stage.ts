// The stage ranking: all three losses on requests, each with candidates that are drawn for every epoch anew, and where
// asked with the generator's own. What a step learns follows from its number and the parameters at hand, so that a stage
// resumed ends with the same bytes.

import { noUser } from '../../data/market/market.ts'
import { Random } from '../../tensor/random.ts'
import { float32, type Tensors } from '../../tensor/session.ts'
import type { StagePorts, StageProgress, StageResult, StepContext } from '../stage-training.ts'
import type { CandidateLabels } from './candidate-labels.ts'
import { type CandidatePool, drawCandidates } from './candidate-sets.ts'
import { OwnCandidates } from './own-candidates.ts'
import { candidateTensors } from './sample-tensors.ts'
import { type OneRankerTrainingOptions, type SampleBatch, type TargetData, trainOneRanker } from './training.ts'
import { candidateInputs } from './training-model.ts'

export interface RankingOptions extends OneRankerTrainingOptions {
  /** Of a request (n). */
  readonly candidates: number
  readonly multiTokenWeight: number
  readonly rankWeight: number
  /** 0: no L_DC. */
  readonly consistencyWeight: number
  /** Steps over which it rises from 0. */
  readonly consistencyWarmupSteps: number
  readonly temperature: number
  /** Candidates that are the generator's own best ads; 0: none. */
  readonly ownCandidates: number
}

/** Samples are those of requests, which their candidates are drawn from. */
export interface RankingData extends TargetData {
  pool(request: number): CandidatePool
  /** Ads of a pool at most. */
  readonly mostAds: number
  /** By item, above 0. */
  readonly popularity: ArrayLike<number>
  readonly labels: CandidateLabels
}

/** Trains all steps. The epoch with the least L_rank on the validation requests is kept. */
export async function trainRanking(
  options: RankingOptions,
  data: RankingData,
  start: StageProgress,
  ports: StagePorts,
): Promise<StageResult> {
  const { seed, candidates, consistencyWeight, consistencyWarmupSteps, ownCandidates } = options
  const consistency = consistencyWeight > 0
  const losses = { ...options, consistency }
  let own: OwnCandidates | undefined
  const proposed = async ({ parameters }: StepContext, { tensors }: SampleBatch, pools: readonly CandidatePool[]) => {
    if (ownCandidates === 0) return undefined
    own ??= await OwnCandidates.create(options.shape, tensors, Math.max(1, data.mostAds), options.threads)
    return own.best(parameters, tensors, pools, ownCandidates)
  }
  const weight = (value: number): Tensors =>
    consistency ? { [candidateInputs.consistencyWeight]: float32([], [value]) } : {}
  const labelled = async (batch: SampleBatch, pools: readonly CandidatePool[], places: readonly number[][]) => {
    const rows = pools.map((pool, row) => ({ pool, places: places[row], history: historyOf(data, batch, row) }))
    const labels = await data.labels(rows)
    const tensors = candidateTensors(
      rows.map((row, index) => ({ ...row, labels: labels[index] })),
      options.batchSize,
      candidates,
    )
    const { [candidateInputs.present]: _present, ...others } = tensors
    return consistency ? tensors : others
  }
  const drawn = (batch: SampleBatch, pools: readonly CandidatePool[], round: string | number, own?: number[][]) =>
    pools.map((pool, row) => {
      const random = new Random(seed, 'candidates', round, requestOf(batch, row))
      return drawCandidates(pool, candidates, data.popularity, random, own?.[row])
    })
  const poolsOf = (batch: SampleBatch) => batch.rows.map((_, row) => data.pool(requestOf(batch, row)))
  try {
    return await trainOneRanker(
      options,
      data,
      {
        losses,
        step: async (context, batch) => {
          const pools = poolsOf(batch)
          const places = drawn(batch, pools, context.epoch, await proposed(context, batch, pools))
          const share = Math.min(1, (context.step + 1) / Math.max(1, consistencyWarmupSteps))
          return { ...(await labelled(batch, pools, places)), ...weight(consistencyWeight * share) }
        },
        validation: async (batch) => {
          const pools = poolsOf(batch)
          return {
            ...(await labelled(batch, pools, drawn(batch, pools, 'validation'))),
            // What is kept must not go by how far the generator follows a ranker that may be wrong.
            ...weight(0),
          }
        },
      },
      start,
      ports,
    )
  } finally {
    await own?.release()
  }
}

const requestOf = ({ samples, rows }: SampleBatch, row: number): number => samples.request[rows[row]]

const nothing = new Uint32Array(0)

function historyOf({ dataset }: RankingData, { samples, rows }: SampleBatch, row: number): Uint32Array {
  const user = samples.user[rows[row]]
  if (user === noUser) return nothing
  const first = dataset.offsets[user]
  return dataset.events.subarray(first, first + samples.historyEnd[rows[row]])
}
