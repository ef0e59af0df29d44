import { isObject, type JsonObject } from '../json.ts'

/**
 * One step of a path, written as FieldsV1 writes it: `f:name` (a field), `k:{"name":"a"}` (an item of a keyed list),
 * `v:"x"` (an item of a set).
 */
export type PathElement = string

/** A set of paths: what a manager owns. Values are never changed in place once they are shared. */
export class FieldSet {
  readonly members: Set<PathElement>
  readonly children: Map<PathElement, FieldSet>

  constructor(members: Iterable<PathElement> = [], children: Iterable<[PathElement, FieldSet]> = []) {
    this.members = new Set(members)
    this.children = new Map([...children].filter(([, child]) => !child.isEmpty()))
  }

  /** Reads metav1.FieldsV1. */
  static parse(fields: unknown): FieldSet {
    const set = new FieldSet()
    if (!isObject(fields)) return set
    for (const [element, below] of Object.entries(fields)) {
      if (element === '.') continue
      const child = FieldSet.parse(below)
      if (child.isEmpty() || (isObject(below) && '.' in below)) set.members.add(element)
      if (!child.isEmpty()) set.children.set(element, child)
    }
    return set
  }

  /** Writes metav1.FieldsV1. */
  format(): JsonObject {
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort()
    return Object.fromEntries(
      elements.map((element) => {
        const child = this.children.get(element)?.format() ?? {}
        return [element, this.members.has(element) && this.children.has(element) ? { '.': {}, ...child } : child]
      }),
    )
  }

  isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0
  }

  has(path: readonly PathElement[]): boolean {
    const [element, ...rest] = path
    if (element === undefined) return false
    return rest.length === 0 ? this.members.has(element) : (this.children.get(element)?.has(rest) ?? false)
  }

  union(other: FieldSet): FieldSet {
    return new FieldSet(
      this.members.union(other.members),
      this.#zip(other, (a, b) => a.union(b)),
    )
  }

  intersection(other: FieldSet): FieldSet {
    return new FieldSet(
      this.members.intersection(other.members),
      this.#zip(other, (a, b) => a.intersection(b)),
    )
  }

  /** Takes away exactly the other's paths, not what lies below them. */
  difference(other: FieldSet): FieldSet {
    return new FieldSet(
      this.members.difference(other.members),
      this.#zip(other, (a, b) => a.difference(b)),
    )
  }

  /** Without a path and all that lies below it. */
  without(path: readonly PathElement[]): FieldSet {
    const [element, ...rest] = path
    if (element === undefined) return this
    const children = new Map(this.children)
    const child = children.get(element)
    if (rest.length > 0) {
      if (child) children.set(element, child.without(rest))
      return new FieldSet(this.members, children)
    }
    children.delete(element)
    return new FieldSet(this.members.difference(new Set([element])), children)
  }

  paths(): PathElement[][] {
    return [
      ...[...this.members].map((element) => [element]),
      ...[...this.children].flatMap(([element, child]) => child.paths().map((path) => [element, ...path])),
    ]
  }

  #zip(other: FieldSet, join: (mine: FieldSet, theirs: FieldSet) => FieldSet): [PathElement, FieldSet][] {
    const nothing = new FieldSet()
    const elements = new Set([...this.children.keys(), ...other.children.keys()])
    return [...elements].map((element) => [
      element,
      join(this.children.get(element) ?? nothing, other.children.get(element) ?? nothing),
    ])
  }
}

/** As conflict messages write a path: `.spec.parts[name="a"].size`. */
export function formatPath(path: readonly PathElement[]): string {
  return path.map(formatElement).join('')
}

function formatElement(element: PathElement): string {
  const body = element.slice(2)
  if (element.startsWith('f:')) return `.${body}`
  if (element.startsWith('v:')) return `[=${body}]`
  const keys = Object.entries(JSON.parse(body) as JsonObject)
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
