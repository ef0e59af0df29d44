/** Where things lie below a store's root. Every name from outside is checked before it becomes a path. */
import { join } from 'node:path'
import { hexOf } from './digest.ts'
import { checkedNamespace } from './names.ts'

export interface Layout {
  root: string
  artifacts: string
  staging: string
  quarantine: string
  indexes: string
  checkpoints: string
  ledgers: string
  artifact(digest: string): string
  index(namespace: string, inputDigest: string): string
  checkpointsOf(namespace: string, inputDigest: string): string
  ledger(namespace: string): string
}

export function layoutOf(root: string): Layout {
  const artifacts = join(root, 'artifacts')
  const indexes = join(root, 'index')
  const checkpoints = join(root, 'checkpoints')
  const ledgers = join(root, 'ledger')
  return {
    root,
    artifacts,
    staging: join(root, 'staging'),
    quarantine: join(root, 'quarantine'),
    indexes,
    checkpoints,
    ledgers,
    artifact: (digest) => join(artifacts, hexOf(digest).slice(0, 2), hexOf(digest)),
    index: (namespace, inputDigest) => join(indexes, checkedNamespace(namespace), `${hexOf(inputDigest)}.json`),
    checkpointsOf: (namespace, inputDigest) => join(checkpoints, checkedNamespace(namespace), hexOf(inputDigest)),
    ledger: (namespace) => join(ledgers, `${checkedNamespace(namespace)}.jsonl`),
  }
}
