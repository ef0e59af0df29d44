// From trained stages to the artifact of a run and its summary.

import type { JobPayload, TrainingSummary } from '../../../crds/jobs.ts'
import type { ModelDescription, StageRecord } from '../../ranker/auction-model.ts'
import type { KnownThings } from '../../ranker/known-things.ts'
import { modelKind } from '../../ranker/model-artifact.ts'
import type { StageMetrics } from '../../ranker/stage-training.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'
import type { ProcessorContext, ProcessorOutcome } from '../context.ts'
import type { Spec, Stages } from './settings.ts'
import type { Sources } from './sources.ts'
import type { FinishedStage } from './stages.ts'

/** What the stages of a run made of its inputs. */
export interface TrainedRun<Inputs, Weights> {
  readonly inputs: Inputs
  readonly weights: Weights
  readonly stages: readonly FinishedStage[]
}

/** Inputs of a run, as far as a model of any architecture tells of them. */
interface DescribedInputs<Shapes, Auction> {
  readonly model: Pick<KnownThings, 'catalogue'> & { readonly shapes: Shapes }
  readonly sources: Pick<Sources, 'pinned'> & { readonly tokenizer: Pick<Tokenizer, 'vocabulary'> }
  readonly stages: Pick<Stages, 'reward'>
  readonly auction: Auction
}

/** @param own what its architecture alone has; {} where that is nothing */
export function descriptionOf<Architecture extends string, Shapes, Auction, Own extends object>(
  architecture: Architecture,
  { inputs, stages }: Pick<TrainedRun<DescribedInputs<Shapes, Auction>, unknown>, 'inputs' | 'stages'>,
  own: Own,
) {
  const { model, sources, auction } = inputs
  const { items, creatives } = model.catalogue
  // In an order that stays: equal models have equal bytes.
  return {
    schemaVersion: 1 as const,
    architecture,
    shapes: model.shapes,
    ...own,
    fold: inputs.stages.reward?.fold ?? null,
    auction,
    itemCount: items.itemCount,
    creativeCount: creatives?.count ?? 0,
    datasetDigest: sources.pinned.dataset,
    tokenizerDigest: sources.pinned.tokenizer,
    vocabulary: sources.tokenizer.vocabulary ?? null,
    stages: stages.map(({ name, digest, epoch, history }): StageRecord => ({ name, digest, epoch, history })),
  }
}

type Weights = Readonly<Record<string, Float32Array | undefined>>

export interface StagedModel {
  readonly description: ModelDescription
  readonly weights: Weights
  readonly stages: readonly FinishedStage[]
  /** Writes the files of the artifact. */
  write(directory: string): Promise<void>
}

/** Publishes the model that the stages made. */
export async function publishStaged(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { description, weights, stages, write }: StagedModel,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { architecture, datasetDigest, tokenizerDigest, vocabulary } = description
  const summary = summaryOf(weights, stages)
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: modelKind,
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        architecture,
        datasetDigest,
        tokenizerDigest,
        ...(vocabulary === null ? {} : { vocabulary }),
        summary: { ...summary },
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    write,
  )
  context.log.info('Trained a model', { stages: stages.map(({ name }) => name), digest: artifact.digest })
  return {
    artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes },
    summary: {
      ...summary,
      stages: summary.stages?.map((stage, index) => ({ ...stage, reused: stages[index].reused })) ?? [],
    },
  }
}

/** Whether a stage was found is no part of the artifact: two equal runs have equal bytes. */
function summaryOf(weights: Weights, stages: readonly FinishedStage[]): TrainingSummary {
  const last = stages.at(-1)
  const parameters = Object.values(weights).reduce((sum, vector) => sum + (vector?.length ?? 0), 0)
  return {
    epochs: last?.history.length ?? 0,
    bestEpoch: last?.epoch ?? 0,
    trainingLoss: last?.history[last.epoch - 1]?.loss ?? 0,
    parameters,
    stages: stages.map(({ name, digest, epoch, history }) => ({
      name,
      digest,
      epochs: history.length,
      reused: false,
      metrics: metricsAt(history, epoch),
    })),
  }
}

const metricsAt = (history: readonly StageMetrics[], epoch: number): Record<string, number> => ({
  ...(history[epoch - 1] ?? history.at(-1)),
})
