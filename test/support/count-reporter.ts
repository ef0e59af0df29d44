import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Prints why each skipped test was skipped and, last, the line `N passed, N failed, N skipped`. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      const isSetUp = module.state() !== 'failed' || tests.some((test) => test.result().state === 'failed')
      if (!isSetUp) counts.failed++
      for (const test of tests) count(test, counts, isSetUp ? 'no reason given' : 'the set-up of its file failed')
    }
    // The default reporter writes its summary in the same tick; ours has to be the last line.
    setImmediate(() => {
      console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    })
  }
}

function count(test: TestCase, counts: { passed: number; failed: number; skipped: number }, otherwise: string): void {
  const result = test.result()
  if (result.state === 'passed') counts.passed++
  else if (result.state === 'failed') counts.failed++
  else {
    counts.skipped++
    console.log(`skipped: ${test.fullName}: ${result.state === 'skipped' ? (result.note ?? otherwise) : 'not run'}`)
  }
}
