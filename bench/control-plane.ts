import { measureMixed, resyncSeconds, resyncs } from './control-plane/mixed-objects.ts'
import { measureRuns, type Round } from './control-plane/run-throughput.ts'
import type { BenchmarkContext, Row } from './harness/benchmark.ts'
import { estimateMean } from './harness/statistics.ts'

export const description =
  'The operator on a real API server and Redis: objects observed, settled and kept in memory, runs a second; all share the CPUs'

export async function run({ quick, progress, measured }: BenchmarkContext): Promise<Row[]> {
  const objects = quick ? 100 : 1000
  const runs = quick ? 100 : 1000
  const rounds = quick ? 1 : 3
  const mixed = `${objects} objects of all kinds`
  const figures = await measured(mixed, { objects, resyncs, resyncSeconds }, () => measureMixed(objects, progress))
  const through = `${runs} runs that do nothing`
  const measuredRounds = await measured(through, { runs, rounds }, () => measureRuns(runs, rounds, progress))
  const { applySeconds, observedSeconds, reconciles, p50Milliseconds, p99Milliseconds, writes, memoryBytes } = figures
  return [
    { row: mixed, metric: 'applied', value: applySeconds, unit: 's' },
    { row: mixed, metric: 'apply to observedGeneration of all', value: observedSeconds, unit: 's' },
    { row: mixed, metric: 'reconcile of a settled object p50', value: p50Milliseconds, unit: 'ms' },
    { row: mixed, metric: 'reconcile of a settled object p99', value: p99Milliseconds, unit: 'ms' },
    { row: mixed, metric: `reconciles in ${resyncs} resyncs`, value: reconciles, unit: 'reconciles' },
    { row: mixed, metric: `writes in ${resyncs} resyncs`, value: writes, unit: 'writes' },
    { row: mixed, metric: 'resident memory of the operator', value: memoryBytes / 2 ** 20, unit: 'MiB' },
    ...throughputRows(through, measuredRounds),
  ]
}

function throughputRows(row: string, rounds: readonly Round[]): Row[] {
  const mean = (value: (round: Round) => number) => estimateMean(rounds.map(value))
  return [
    { row, metric: 'creation to accepted result', unit: 'runs/s', ...mean((round) => round.runsPerSecond) },
    { row, metric: 'reconciles', unit: 'a run', ...mean((round) => round.reconcilesPerRun) },
    { row, metric: 'writes to the API server', unit: 'a run', ...mean((round) => round.writesPerRun) },
    {
      ...{ row, metric: 'CPU time of the operator', unit: 'ms a run' },
      ...mean((round) => round.operatorCpuMillisecondsPerRun),
    },
    {
      ...{ row, metric: 'CPU time of kube-apiserver', unit: 'ms a run' },
      ...mean((round) => round.serverCpuMillisecondsPerRun),
    },
  ]
}
