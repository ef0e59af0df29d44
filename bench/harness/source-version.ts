import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'

/**
 * The commit that is checked out; with uncommitted changes, `-dirty-` and a digest of them, so that results of
 * different sources never pass for one another.
 */
export function sourceVersion(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, maxBuffer: 2 ** 28 }).toString()
  const commit = git('rev-parse', 'HEAD').trim()
  const tracked = git('diff', 'HEAD')
  const untracked = git('ls-files', '--others', '--exclude-standard', '-z').split('\0').filter(Boolean)
  if (tracked === '' && untracked.length === 0) return commit
  const contents = untracked.length > 0 ? git('hash-object', '--', ...untracked) : ''
  const digest = createHash('sha256').update(tracked).update(untracked.join('\0')).update(contents).digest('hex')
  return `${commit}-dirty-${digest.slice(0, 8)}`
}
