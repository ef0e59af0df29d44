import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.ts'

export default defineConfig({
  test: {
    pool: 'forks',
    // Two cores are the machine that the suite is sized for; much of it waits for processes that it has started.
    maxWorkers: 3,
    globalSetup: './test/support/redis-setup.ts',
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/support/count-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cluster/**', 'test/drills/**', 'test/e2e/**', 'test/**/s3-*.test.ts'],
          // Nothing here changes what another file sees, and most files take less time than their imports.
          isolate: false,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'drills',
          include: ['test/drills/**/*.test.ts'],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 's3',
          include: ['test/**/s3-*.test.ts'],
          // Looks for the S3 server, or builds it, while the unit tests run.
          globalSetup: './test/support/s3-server/vitest-setup.ts',
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          // Looks for the control plane, or builds it, while the unit tests run.
          globalSetup: './test/support/control-plane/vitest-setup.ts',
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          // The first hook waits for a build that may have only begun.
          hookTimeout: 1_800_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: './test/support/node/vitest-setup.ts',
          fileParallelism: false,
          // An answer to a hang; the whole takes a third of it on a machine that has nothing else to do.
          testTimeout: 1_800_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster-drills',
          include: ['test/drills/**/*.test.ts'],
          env: { ADLOOM_DRILL_API: 'real' },
          setupFiles: './test/support/drill-setup.ts',
          // A control plane serves the drills of a process one after the other.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
