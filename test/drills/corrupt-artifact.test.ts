import { chmod, open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { RunStatus } from '../../crds/run.ts'
import {
  applyInputs,
  applyTraining,
  awaitRun,
  awaitSucceeded,
  type TestCluster,
  TOKENIZER_BUILD,
  withLocalCluster,
} from '../support/local-cluster.ts'

/** Sizes stay as they are: only a check of the bytes finds it. */
async function flipByte(cluster: TestCluster, digest: string): Promise<void> {
  const found = await cluster.store.stat(digest)
  const largest = found?.manifest.files.toSorted((a, b) => b.size - a.size)[0]
  const path = join(fileURLToPath(found?.uri ?? ''), largest?.path ?? '')
  await chmod(path, 0o600)
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    const middle = Math.floor((largest?.size ?? 0) / 2)
    await file.read(byte, 0, 1, middle)
    await file.write(Buffer.of(byte.readUInt8() ^ 1), 0, 1, middle)
  } finally {
    await file.close()
  }
}

test('a corrupt tokenizer is refused, made again with the same digest, and trained with', async (context) => {
  await withLocalCluster(context, async (cluster) => {
    await applyInputs(cluster, 'corrupt')
    const built = await awaitSucceeded(cluster, 'corrupt', TOKENIZER_BUILD)
    const digest = built.artifact?.digest ?? ''
    await flipByte(cluster, digest)
    await expect(cluster.store.open(digest)).rejects.toThrow('is corrupt')

    await applyTraining(cluster, 'corrupt', { maxEpochs: 4 })
    const { inputs } = await awaitSucceeded(cluster, 'corrupt')
    expect(inputs?.tokenizer).toBe(digest)
    await expect(cluster.store.open(digest)).resolves.toMatchObject({ digest })
    // Also `Reused`, where the operator has found the artifact before the worker told of it.
    const isMade = ({ artifact, completionTime }: RunStatus) => artifact !== undefined && completionTime !== undefined
    const rebuilt = await awaitRun(cluster, 'corrupt', TOKENIZER_BUILD, isMade)
    expect(rebuilt.artifact?.digest).toBe(digest)
    expect(rebuilt.attempt).toBe((built.attempt ?? 0) + 1)
  })
}, 300_000)
