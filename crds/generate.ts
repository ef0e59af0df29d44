import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { customResourceDefinition, group } from './kind.ts'
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
  files.set('docs/argocd/argocd-cm.yaml', `# ${notice}\n${stringify(argocdSettings(), { lineWidth: 0 })}`)
  return files
}

/** What Argo CD is told of our kinds: the scripts beside the file, under the keys of its ConfigMap. */
function argocdSettings() {
  const folder = join(import.meta.dirname, '../docs/argocd')
  const script = (path: string) => readFileSync(join(folder, path), 'utf8')
  const names = readdirSync(join(folder, 'actions')).map((file) => file.replace('.lua', ''))
  const definitions = names
    .filter((name) => name !== 'discovery')
    .sort()
    .map((name) => ({ name, 'action.lua': script(`actions/${name}.lua`) }))
  const actions = stringify({ 'discovery.lua': script('actions/discovery.lua'), definitions }, { lineWidth: 0 })
  const data = kinds.flatMap(({ kind }) => [
    [`resource.customizations.health.${group}_${kind}`, script('health.lua')],
    [`resource.customizations.actions.${group}_${kind}`, actions],
  ])
  const metadata = { name: 'argocd-cm', namespace: 'argocd' }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(data) }
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  for (const [path, content] of generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
    console.log(`Wrote ${path}`)
  }
}
