import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes most of its time; each would be waited for by nobody but itself if it came last. */
const longest = [
  'drills/champion.test.ts',
  'operator/cli/retraining.test.ts',
  'drills/frozen-worker.test.ts',
  'simulation/crash.test.ts',
  'simulation/rollout.test.ts',
  'simulation/pipeline-crash.test.ts',
  'simulation/weather.test.ts',
  'cluster/image.test.ts',
  'cluster/quickstart.test.ts',
  'cluster/chart.test.ts',
]

/** Within a group of projects, the files that are known to be long come first; a fresh clone has no times of its own. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b))
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((name) => moduleId.endsWith(`test/${name}`))
  return rank < 0 ? longest.length : rank
}
