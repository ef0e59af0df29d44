import { homedir } from 'node:os'
import { beforeAll } from 'vitest'
import { cacheFolder } from '../../operator/cli/cache-folder.ts'
import { findBinaries } from './control-plane/binaries.ts'
import { isRealApi } from './drill-api.ts'

/** A build takes longer than a drill may. What it fails with, the drill says. */
beforeAll(async () => {
  if (!isRealApi) return
  const report = (line: string) => process.stderr.write(`control plane: ${line}\n`)
  await findBinaries({ env: process.env, cache: cacheFolder(process.env, homedir(), 'control-plane'), report }).catch(
    () => undefined,
  )
}, 1_800_000)
