import { asArray, isObject } from './json.ts'

type Step = (values: unknown[]) => unknown[]

const field = /^\.((?:\\.|[^.[\]\\])+)/
const quotedField = /^\[\s*(['"])(.*?)\1\s*\]/
const wildcard = /^(?:\.\*|\[\s*\*\s*\])/
const index = /^\[\s*(-?\d+)\s*\]/
const filter = /^\[\?\(\s*@\.([\w.\-/\\]+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*\)\]/

/**
 * The JSONPath of printer columns: fields (with `\.` for a dot), `['field']`, indexes, `[*]`, and filters by one
 * equality, `[?(@.type=="Ready")]`. Answers every value found.
 *
 * @throws Error for anything beyond.
 */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps: Step[] = []
  let rest = path.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, '')
  while (rest !== '' && rest !== '.') {
    const [step, length] = nextStep(rest) ?? []
    if (!step) throw new Error(`JSONPath ${path}: cannot read ${JSON.stringify(rest)}`)
    steps.push(step)
    rest = rest.slice(length)
  }
  return (value) => steps.reduce<unknown[]>((values, step) => step(values), [value])
}

function nextStep(text: string): [Step, number] | undefined {
  let match = wildcard.exec(text)
  if (match) return [(values) => values.flatMap(children), match[0].length]
  match = field.exec(text)
  if (match) return [fieldStep((match[1] ?? '').replace(/\\(.)/g, '$1')), match[0].length]
  match = quotedField.exec(text)
  if (match) return [fieldStep(match[2] ?? ''), match[0].length]
  match = index.exec(text)
  if (match) {
    const at = Number(match[1])
    return [
      (values) => values.flatMap((value) => asArray(value).slice(at, at === -1 ? undefined : at + 1)),
      match[0].length,
    ]
  }
  match = filter.exec(text)
  if (match) {
    const [, key = '', operator, single, double, bare] = match
    const read = compileJsonPath(`.${key}`)
    const wanted = single ?? double ?? bare ?? ''
    const holds = (item: unknown) => (String(read(item)[0] ?? '') === wanted) === (operator === '==')
    return [(values) => values.flatMap((value) => children(value).filter(holds)), match[0].length]
  }
  return undefined
}

function fieldStep(name: string): Step {
  return (values) => values.flatMap((value) => (isObject(value) && value[name] !== undefined ? [value[name]] : []))
}

function children(value: unknown): unknown[] {
  return isObject(value) ? Object.values(value) : asArray(value)
}
