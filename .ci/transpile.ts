/**
 * Writes what `npm pack` packs: each TypeScript file of the product as JavaScript below dist/, with its types blanked
 * out, so that a line and column of a stack trace are those of the source. Node runs no TypeScript below node_modules.
 *
 * Usage: node .ci/transpile.ts
 */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'

/** Imports by relative path, and files by their path from the root, which processes and threads are started from. */
const ownFile = /(['"])((?:\.{1,2}|crds|operator|workers)\/[^'"\s]+)\.ts\1/g

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
for (const path of globSync('{crds,operator,workers}/**/*.ts', { cwd: root })) {
  const script = stripTypeScriptTypes(readFileSync(join(root, path), 'utf8')).replaceAll(ownFile, '$1$2.js$1')
  const file = join(dist, path.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, script)
}
// Name and version, where the sources import them from.
copyFileSync(join(root, 'package.json'), join(dist, 'package.json'))
