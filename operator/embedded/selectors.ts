import { type ApiObject, valueAt } from './json.ts'
import type { ResourceType } from './resource-type.ts'
import { badRequest } from './status-error.ts'

export type Predicate = (object: ApiObject) => boolean

const setBased = /^\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)\s*$/
const comparison = /^\s*([^\s!=,()<>]+)\s*(==|=|!=|<|>)\s*([^\s!=,()<>]*)\s*$/
const existence = /^\s*(!?)\s*([^\s!=,()<>]+)\s*$/

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
export function labelPredicate(selector: string): Predicate {
  const requirements = splitOutsideParentheses(selector).map(labelRequirement)
  return (object) => {
    const labels = object.metadata.labels ?? {}
    return requirements.every((holds) => holds(labels))
  }
}

type LabelRequirement = (labels: Record<string, string>) => boolean

function splitOutsideParentheses(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).filter((part) => part.trim() !== '')
}

function labelRequirement(text: string): LabelRequirement {
  const set = setBased.exec(text)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    if (operator === 'in') return (labels) => labels[key] !== undefined && values.includes(labels[key])
    return (labels) => labels[key] === undefined || !values.includes(labels[key])
  }
  const compared = comparison.exec(text)
  if (compared) return labelComparison(compared[1] ?? '', compared[2] ?? '', compared[3] ?? '')
  const exists = existence.exec(text)
  if (!exists) throw badRequest(`unable to parse requirement: ${text}`)
  const [, not, key = ''] = exists
  return (labels) => (labels[key] !== undefined) !== (not === '!')
}

function labelComparison(key: string, operator: string, value: string): LabelRequirement {
  if (operator === '!=') return (labels) => labels[key] !== value
  if (operator === '<') return (labels) => Number(labels[key]) < Number(value)
  if (operator === '>') return (labels) => Number(labels[key]) > Number(value)
  return (labels) => labels[key] === value
}

/**
 * A selector over the fields that the kind lets one select by.
 *
 * @throws StatusError 400 for any other field.
 */
export function fieldPredicate(selector: string, type: ResourceType): Predicate {
  const requirements = splitOutsideParentheses(selector).map((text) => fieldRequirement(text, type))
  return (object) => requirements.every((holds) => holds(object))
}

function fieldRequirement(text: string, type: ResourceType): Predicate {
  const [, field, operator, wanted = ''] = /^\s*([^\s!=]+?)\s*(==|=|!=)(.*)$/.exec(text) ?? []
  if (field === undefined) throw badRequest(`invalid field selector: ${text}`)
  const path = field === 'metadata.name' || field === 'metadata.namespace' ? field : selectablePath(field, type)
  if (path === undefined) throw badRequest(`field label not supported: ${field}`)
  const value = unescaped(wanted.trim())
  return (object) => {
    const found = valueAt(object, path.split('.'))
    return (String(found ?? '') === value) !== (operator === '!=')
  }
}

function selectablePath(field: string, type: ResourceType): string | undefined {
  return Object.hasOwn(type.selectableFields, field) ? type.selectableFields[field] : undefined
}

function unescaped(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1')
}
