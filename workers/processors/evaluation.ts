import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChampionDifference, EvaluationSummary, JobPayload } from '../../crds/jobs.ts'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { JsonObject } from '../artifacts/store.ts'
import { openDataset } from '../data/dataset-reader.ts'
import { type Comparison, championName, measurementsOf } from '../evaluation/evaluate.ts'
import { judgeGates } from '../evaluation/gates.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { auctionMarketPorts } from './evaluation-auction.ts'
import { evaluateMarket } from './evaluation-market.ts'
import { type OpenModel, openTrained } from './evaluation-models.ts'
import type { EvaluationPart } from './evaluation-part.ts'
import { evaluateRanking } from './evaluation-ranking.ts'
import { evaluateSampled } from './evaluation-sampled.ts'
import type { MarketPorts } from './market-ports.ts'

type Spec = Evaluation['spec']

/** How models, markets and their truths are opened. */
export interface EvaluationPorts extends MarketPorts {
  readonly openModel: OpenModel
}

const openAll: EvaluationPorts = { ...auctionMarketPorts, openModel: openTrained }

/** Measures a model, the champion and the baselines on one split, judges the gates, and publishes every number and every row. */
export async function processEvaluation(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  ports: Partial<EvaluationPorts> = {},
): Promise<ProcessorOutcome<EvaluationSummary>> {
  const { spec, inputs } = payload
  const opened = { ...openAll, ...ports }
  const source = await context.store.open(inputs.dataset)
  const dataset = await openDataset(source)
  const parts: EvaluationPart[] = []
  if (spec.ranking !== 'None') parts.push(await evaluateRanking(payload, context, { source, dataset }, opened))
  if (spec.sampledLists !== undefined)
    parts.push(await evaluateSampled({ ...payload, sampled: spec.sampledLists }, context, { source, dataset }, opened))
  if (spec.market !== undefined)
    parts.push(await evaluateMarket({ ...payload, market: spec.market }, context, { source, dataset }, opened))
  const metrics = parts.flatMap((part) => part.metrics)
  const comparisons = parts.flatMap((part) => part.comparisons)
  const gates = judgeGates(spec.gates ?? [], measurementsOf(metrics, comparisons))
  const summary: EvaluationSummary = {
    cases: 0,
    ...Object.assign({}, ...parts.map((part) => part.summary)),
    metrics,
    ...(inputs.champion === undefined ? {} : { comparison: differencesToChampion(comparisons) }),
    gates,
  }
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: 'Evaluation',
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        datasetDigest: inputs.dataset,
        modelDigest: inputs.model,
        ...(inputs.champion === undefined ? {} : { championDigest: inputs.champion }),
        ...(inputs.evaluator === undefined ? {} : { evaluatorDigest: inputs.evaluator }),
        split: spec.split,
        summary: summary as unknown as JsonObject,
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeEvaluation(directory, { summary, comparisons, parts }),
  )
  context.log.info('Measured a model', { cases: summary.cases, metrics, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
}

const differencesToChampion = (comparisons: readonly Comparison[]): ChampionDifference[] =>
  comparisons
    .filter(({ baseline }) => baseline === championName)
    .map(({ metric, difference: { mean, low, high } }) => ({ metric, difference: mean, low, high }))

interface Written {
  readonly summary: EvaluationSummary
  readonly comparisons: readonly Comparison[]
  readonly parts: readonly EvaluationPart[]
}

/** `metrics.json`, and beside it what each part writes. */
async function writeEvaluation(directory: string, { summary, comparisons, parts }: Written): Promise<void> {
  const metrics = {
    schemaVersion: 1,
    ...summary,
    ...Object.assign({}, ...parts.map(({ described }) => described)),
    comparisons: comparisons.map(({ metric, baseline, difference, relativeGain }) => ({
      metric,
      baseline,
      difference,
      // A gain over nothing has no number.
      relativeGain: Number.isFinite(relativeGain.mean) ? relativeGain : null,
    })),
  }
  await writeFile(join(directory, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`)
  for (const part of parts) await part.write(directory)
}
