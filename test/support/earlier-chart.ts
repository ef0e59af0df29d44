import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from '../../operator/cli/replace-process.ts'

/** The chart as it was before its last change, put into `folder`. */
export function earlierChart(folder: string): { chart: string } | { reason: string } {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: projectRoot, maxBuffer: 64 * 1024 * 1024 })
  const [, commit] = git('log', '--format=%H', '-n', '2', '--', 'charts/adloom').toString().split('\n')
  if (!commit) return { reason: 'no commit before this one has changed the chart: it is installed, not upgraded' }
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', commit, 'charts/adloom') })
  return { chart: join(folder, 'charts/adloom') }
}
