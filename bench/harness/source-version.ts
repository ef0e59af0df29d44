import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'

/**
 * The commit that is checked out; with uncommitted changes, `-dirty-` and a digest of them, so that results of
 * different sources never pass for one another.
 * @param paths what of the tree counts; absent: all of it. Then the version is a digest of what these paths hold.
 */
export function sourceVersion(root: string, paths: readonly string[] = []): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, maxBuffer: 2 ** 28 }).toString()
  const version =
    paths.length === 0
      ? git('rev-parse', 'HEAD').trim()
      : digest(paths.map((path) => git('rev-parse', `HEAD:${path}`)).join('')).slice(0, 40)
  const tracked = git('diff', 'HEAD', '--', ...paths)
  const others = git('ls-files', '--others', '--exclude-standard', '-z', '--', ...paths)
  const untracked = others.split('\0').filter(Boolean)
  if (tracked === '' && untracked.length === 0) return version
  const contents = untracked.length > 0 ? git('hash-object', '--', ...untracked) : ''
  return `${version}-dirty-${digest(tracked + untracked.join('\0') + contents).slice(0, 8)}`
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
