import type { Evaluation } from '../../crds/kinds/evaluation.ts'
import type { RankerPipeline } from '../../crds/kinds/ranker-pipeline.ts'
import type { RankAnswer } from '../../crds/rank.ts'
import { findCondition } from '../control/conditions.ts'
import { pricedLines } from './priced-list.ts'
import { duration, type ShownObject } from './progress-table.ts'

export interface Asked {
  url: string
  request: unknown
  answer: RankAnswer
}

/** The end of `adloom up --once`, on one screen: what was made, how good it is, what it answered, where to look next. */
export function resultScreen(
  objects: readonly ShownObject[],
  asked: readonly Asked[],
  seconds: number,
  next: readonly string[],
): string[] {
  return [
    '',
    ...objects.filter(({ kind }) => kind === 'Evaluation').flatMap((object) => evaluationLines(object as Evaluation)),
    ...objects
      .filter(({ kind }) => kind === 'RankerPipeline')
      .flatMap((object) => pipelineLines(object as RankerPipeline)),
    ...reuseLines(objects),
    ...asked.flatMap(askedLines),
    `Took ${duration(seconds)}.`,
    ...next,
  ]
}

function evaluationLines({ metadata, status }: Evaluation): string[] {
  const passed = findCondition(status?.conditions, 'Passed')
  const metrics = status?.metrics ?? []
  const shown = metrics.filter(({ name }) => isShown(name, metrics[0]?.name ?? ''))
  const width = Math.max(24, ...shown.map(({ name }) => name.length))
  const lines = shown.map(
    ({ name, value, low, high }) => `  ${name.padEnd(width)} ${value.padStart(8)}   [${low}, ${high}]`,
  )
  const sizes = [
    ...(status?.cases ? [`${status.cases} cases`] : []),
    ...(status?.sampledLists ? [`${status.sampledLists.lists} lists of ${status.sampledLists.listSize} at most`] : []),
    ...(status?.market ? [`${status.market.requests} auctions`] : []),
  ]
  return [
    `Evaluation ${metadata.name}: ${passed?.status === 'True' ? 'Passed' : 'NOT passed'}, ${sizes.join(', ') || '0 cases'}, 95 % intervals`,
    ...lines,
    ...(shown.length < metrics.length ? [`  and ${metrics.length - shown.length} more in status.metrics`] : []),
    ...(status?.gates ?? []).map((gate) => `  gate ${gate.name}: ${gate.passed ? 'holds' : 'FAILED'}, ${gate.message}`),
    '',
  ]
}

const shownOfMarkets = ['RPM', 'CTR', 'AdvertiserUtility', 'AdsPerList', 'IRViolations', 'Psi']

/** All of a ranking and of sampled lists, their chance level beside; of a marketplace a few, as who knows most has judged it: whoever the first metric is of. */
function isShown(name: string, first: string): boolean {
  const judged = name.split('/')
  const metric = judged.at(-1) ?? ''
  if (metric.includes('@') || name.includes('Consistency/')) return true
  return shownOfMarkets.includes(metric) && (judged.length === 1 || judged[0] === first.split('/')[0])
}

/** Runs that are shown, the newest. */
const shownRuns = 5

function pipelineLines({ metadata, status }: RankerPipeline): string[] {
  const { champion, candidate, runs = [] } = status ?? {}
  const model = ({ trainingRun, digest, summary = '' }: NonNullable<typeof candidate>) =>
    `${trainingRun} ${digest.slice(0, 19)} ${summary}`.trimEnd()
  return [
    `Pipeline ${metadata.name}: ${champion ? `champion ${model(champion)}` : 'no champion yet'}`,
    ...(candidate ? [`  candidate ${model(candidate)}, waits for promotion.approvedDigest`] : []),
    ...runs.slice(0, shownRuns).map(({ name, state, message }) => `  ${name} ${state}${message ? `: ${message}` : ''}`),
    '',
  ]
}

function reuseLines(objects: readonly ShownObject[]): string[] {
  const made = objects.flatMap((object) =>
    object.status?.artifact ? [{ name: `${object.kind}/${object.metadata.name}`, ...object.status.artifact }] : [],
  )
  const reused = made.filter((artifact) => artifact.reused)
  if (made.length === 0) return []
  const lines = made.map(
    ({ name, digest, reused: again }) => `  ${name.padEnd(32)} ${digest.slice(0, 19)} ${again ? 'reused' : 'made'}`,
  )
  const all = reused.length === made.length ? ' (all reused from an earlier run)' : ''
  return [`Artifacts${all}:`, ...lines, '']
}

function askedLines({ url, request, answer }: Asked): string[] {
  const asked = `POST ${url}/v1/rank ${JSON.stringify(request)}`
  if (answer.auction !== undefined) return [asked, ...pricedLines(answer), '']
  const entries = answer.entries
    .slice(0, 5)
    .map(({ position, item, score }) => `  ${position}. ${item}  ${score.toFixed(3)}`)
  return [asked, ...entries, '']
}
