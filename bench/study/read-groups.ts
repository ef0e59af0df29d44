// What an Evaluation published, as groups of metrics that can be measured together with those of other seeds.

import { readFile } from 'node:fs/promises'
import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { Artifact } from '../../workers/artifacts/store.ts'
import { readMarkets, type StoredMarkets } from '../../workers/evaluation/market/market-files.ts'
import { outcomeGroup } from '../../workers/evaluation/market/outcome-metrics.ts'
import { regretGroup } from '../../workers/evaluation/market/regret-metrics.ts'
import type { Sampled } from '../../workers/evaluation/market/sampling-rule.ts'
import type { MetricGroup } from '../../workers/evaluation/metric-group.ts'
import { metricName, metricsAt, metricValues } from '../../workers/evaluation/metrics.ts'
import { quantileGains, rankNormalisedGains } from '../../workers/evaluation/sampled/gains.ts'
import { readSampled } from '../../workers/evaluation/sampled/sampled-files.ts'
import { chanceGroup, type Judged, sampledGroup } from '../../workers/evaluation/sampled/sampled-group.ts'
import type { MeasuredGroups } from './measures.ts'

type Spec = Evaluation['spec']
type SampledSpec = NonNullable<Spec['sampledLists']>

interface Read {
  readonly groups: MeasuredGroups
  /** How the audit ended; absent where nothing is audited. */
  readonly audit?: Sampled
}

/** Of the model under test. */
export async function readGroups(spec: Spec, artifact: Artifact): Promise<Read> {
  const { market, sampledLists, ranking, cutoffs } = spec
  const read = market && readMarket(market, await readMarkets(artifact))
  const groups = {
    ...read?.groups,
    ...(sampledLists && { sampled: await readSampledGroup(sampledLists, artifact) }),
    ...(ranking !== 'None' && { ranking: await readRankingGroup(cutoffs, artifact) }),
  }
  return { ...read, groups }
}

function readMarket(
  { utilityFloor, audit }: NonNullable<Spec['market']>,
  { systems, clusters, judges }: StoredMarkets,
): Read {
  const model = systems.get('model')
  if (model === undefined) throw new Error('The evaluation holds no model')
  const { outcomes, audited, regrets } = model.progress
  const options = { utilityFloor: Number(utilityFloor), searched: audit.regretStarts > 0 }
  const shown = outcomeGroup(outcomes, clusters, judges)
  if (audited === 0) return { groups: { outcomes: shown } }
  const audits = regretGroup(regrets, clusters.subarray(0, audited), judges, options)
  return { groups: { outcomes: shown, audits }, ...(model.sampled && { audit: model.sampled }) }
}

async function readJudged({ graded, cutoffs, seed }: SampledSpec, artifact: Artifact) {
  const { lists, ecpm, systems } = await readSampled(artifact)
  const judged: Judged = {
    ...{ lists, cutoffs, seed },
    ...(graded && ecpm && { graded: { gain: graded.gain, gains: gainsOf(graded)(ecpm), ecpm } }),
  }
  return { judged, systems }
}

const gainsOf = ({ gain, levels }: NonNullable<SampledSpec['graded']>) =>
  gain === 'Quantile' ? quantileGains(levels) : rankNormalisedGains

async function readSampledGroup(spec: SampledSpec, artifact: Artifact): Promise<MetricGroup> {
  const { judged, systems } = await readJudged(spec, artifact)
  return sampledGroup(judged, systems[0].scores)
}

/** By chance on the very lists of an evaluation. */
export const readChance = async (spec: SampledSpec, artifact: Artifact): Promise<MetricGroup> =>
  chanceGroup((await readJudged(spec, artifact)).judged)

async function readRankingGroup(cutoffs: readonly number[], artifact: Artifact): Promise<MetricGroup> {
  const numbers = async (file: string) => new Uint32Array(new Uint8Array(await readFile(artifact.path(file))).buffer)
  const users = await numbers('users.u32')
  // The model is the first of the systems.
  const ranks = (await numbers('ranks.u32')).subarray(0, users.length)
  const metrics = metricsAt(cutoffs)
  return {
    clusters: users,
    columns: new Map(metrics.map((metric) => [metricName(metric), metricValues(metric, ranks)])),
    metrics: metrics.map((metric) => ({ name: metricName(metric), value: (mean) => mean(metricName(metric)) })),
  }
}
