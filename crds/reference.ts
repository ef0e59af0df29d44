import { apiVersion, immutabilityRules, type KindDefinition } from './kind.ts'

interface SchemaNode {
  type?: string
  description?: string
  default?: unknown
  enum?: string[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  maxItems?: number
  maxProperties?: number
  pattern?: string
  format?: string
  required?: string[]
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}

interface Row {
  path: string
  node: SchemaNode
  required: boolean
}

/** Markdown page of a kind: its fields with bounds and defaults, what is refused, its columns and conditions. */
export function referencePage(definition: KindDefinition): string {
  const spec = definition.spec as unknown as SchemaNode
  const status = definition.status as unknown as SchemaNode
  return [
    `# ${definition.kind}`,
    '',
    definition.description,
    '',
    `\`apiVersion: ${apiVersion}\`, \`kind: ${definition.kind}\`; short ${definition.shortNames.map(code).join(', ')}; category \`adloom\`.`,
    '',
    '## Spec',
    '',
    ...fieldTable(rows('spec', spec, true)),
    ...refusals(definition, spec),
    '',
    '## Status',
    '',
    ...fieldTable(rows('status', status, false)),
    '',
    '## Columns of `kubectl get`',
    '',
    '| column | field |',
    '|---|---|',
    ...definition.columns.map(
      ({ name, jsonPath, priority }) => `| ${name}${priority ? ' (with `-o wide`)' : ''} | ${code(jsonPath)} |`,
    ),
    '| Age | `.metadata.creationTimestamp` |',
    '',
  ].join('\n')
}

const code = (words: string) => `\`${words.replaceAll('|', '\\|')}\``

function rows(path: string, node: SchemaNode, withRequired: boolean): Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const childPath = `${path}.${name}`
    const required = withRequired && (node.required ?? []).includes(name) && child.default === undefined
    const inner = child.type === 'array' && child.items ? child.items : child
    const innerPath = inner === child ? childPath : `${childPath}[]`
    return [{ path: childPath, node: child, required }, ...rows(innerPath, inner, withRequired)]
  })
}

function fieldTable(fields: Row[]): string[] {
  return [
    '| field | type | default | meaning |',
    '|---|---|---|---|',
    ...fields.map(
      ({ path, node, required }) =>
        `| ${code(path)} | ${typeWords(node)} | ${defaultWords(node, required)} | ${(node.description ?? '').replaceAll('|', '\\|')} |`,
    ),
  ]
}

function defaultWords(node: SchemaNode, required: boolean): string {
  if (node.default !== undefined) return code(JSON.stringify(node.default))
  return required ? '**required**' : ''
}

function typeWords(node: SchemaNode): string {
  if (node.enum) return node.enum.map(code).join(', ')
  if (node.type === 'array') return `list of ${typeWords(node.items ?? {})}, at most ${node.maxItems}`
  if (node.type === 'integer') return `integer ${node.minimum ?? ''} to ${node.maximum ?? ''}`
  if (node.type !== 'string') return node.type ?? 'object'
  if (node.format === 'date-time') return 'time (RFC 3339)'
  if (node.pattern?.includes('[0-9]+(\\.')) return 'decimal as a string'
  return node.maxLength === undefined ? 'string' : `string, at most ${node.maxLength} characters`
}

function refusals(definition: KindDefinition, spec: SchemaNode): string[] {
  const messages = [
    ...collectRules(spec),
    ...(definition.rules ?? []).map(({ message }) => message),
    ...immutabilityRules(definition).map(({ message }) => message),
  ]
  if (messages.length === 0) return []
  return ['', 'A real API server refuses (CEL):', '', ...messages.map((message) => `- ${message}`)]
}

function collectRules(node: SchemaNode): string[] {
  return [
    ...(node['x-kubernetes-validations'] ?? []).map(({ message }) => message),
    ...Object.values(node.properties ?? {}).flatMap(collectRules),
    ...(node.items ? collectRules(node.items) : []),
  ]
}
