/** One line of a benchmark's result; what does not apply is left out. */
export interface Row {
  /** What was measured, with which settings. */
  row: string
  metric: string
  value: number
  unit: string
  /** Ends of a 95 % interval. */
  low?: number
  high?: number
  /** The seeds of the runs of which `value` is the mean. */
  seeds?: number[]
  /** Whom we compare with: measured beside us in the same run, or with the source of the number. */
  peer?: string
  peerValue?: number
  /** Above 1 where Adloom is better. */
  ratio?: number
}

export interface BenchmarkContext {
  /** Folder of `--data`. */
  data?: string
  /** A size that gives a look in a minute; its numbers are no results. */
  quick: boolean
  /** Of the sources that decide the results. */
  version: string
  /** Folder of what `measured` keeps. */
  results: string
  /** One line on standard error. */
  progress(line: string): void
  /**
   * Measures, or returns what an earlier run of this benchmark measured for the same settings with the same sources.
   * `settings` has to name everything that decides the result, data included; results are kept as JSON.
   */
  measured<T>(row: string, settings: unknown, measure: () => Promise<T>): Promise<T>
}

/** What each file `bench/NAME.ts` exports. Loading it measures nothing. */
export interface Benchmark {
  /** One line for the list of benchmarks. */
  description: string
  /** Paths of the tree that decide the results; absent: all of it. What was measured stays while they stay. */
  sources?: readonly string[]
  run(context: BenchmarkContext): Promise<Row[]>
  /** What is printed of the rows; absent: one table with a line each. */
  format?(rows: readonly Row[]): string
}
