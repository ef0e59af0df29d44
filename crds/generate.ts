import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { customResourceDefinition } from './kind.ts'
import { kinds } from './kinds.ts'
import { referencePage } from './reference.ts'

const notice = 'Generated from crds/kinds by `npm run generate`; do not edit.'

/** Every generated file, by its path from the root of the project. A test compares them with what is committed. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>()
  for (const definition of kinds) {
    const yaml = stringify(customResourceDefinition(definition), { lineWidth: 120, aliasDuplicateObjects: false })
    // Helm reads nothing outside of the chart.
    for (const folder of ['crds/manifests', 'charts/adloom/files/crds'])
      files.set(`${folder}/${definition.plural}.yaml`, `# ${notice}\n${yaml}`)
    files.set(
      `docs/reference/${definition.kind.toLowerCase()}.md`,
      `<!-- ${notice} -->\n\n${referencePage(definition)}`,
    )
  }
  return files
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  for (const [path, content] of generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
    console.log(`Wrote ${path}`)
  }
}
