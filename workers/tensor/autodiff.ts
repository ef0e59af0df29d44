// Reverse-mode differentiation: walks the tape from a scalar back to the values asked for. What it emits are ordinary
// nodes of the same graph, themselves differentiable.

import { expandLike } from './broadcasting.ts'
import { graphOf, type TapeEntry, type Value } from './graph.ts'
import { product } from './shapes.ts'

/** Entries between `wanted` and the loss, latest first. */
const entriesBetween = (loss: Value, wanted: ReadonlySet<Value>): TapeEntry[] => {
  const found = new Map<TapeEntry, boolean>()
  const leads = (value: Value): boolean =>
    wanted.has(value) || (value.origin.entry !== undefined && found.get(value.origin.entry) === true)
  const pending = loss.origin.entry === undefined ? [] : [loss.origin.entry]
  while (pending.length > 0) {
    const entry = pending[pending.length - 1]
    const before = entry.inputs.flatMap(({ origin }) => origin.entry ?? []).filter((earlier) => !found.has(earlier))
    if (before.length > 0) {
      pending.push(...before)
      continue
    }
    pending.pop()
    found.set(entry, entry.inputs.some(leads))
  }
  return [...found].flatMap(([entry, leading]) => (leading ? [entry] : [])).sort((a, b) => b.order - a.order)
}

const sum = (parts: readonly Value[]): Value => {
  if (parts.length === 1) return parts[0]
  const graph = graphOf(...parts)
  const [output] = graph.emit(parts.length === 2 ? 'Add' : 'Sum', parts, [parts[0]])
  graph.record('Sum', parts, [output], ([gradient]) => parts.map(() => gradient))
  return output
}

/**
 * d loss / d value for each of `values`, in their order; zeros where the loss does not depend on one.
 * @throws if `loss` is no scalar, or the way leads through an operator without a gradient
 */
export const gradients = (loss: Value, values: readonly Value[]): Value[] => {
  if (product(loss.shape) !== 1) throw new Error(`A loss must be one number, not of shape [${loss.shape.join(', ')}]`)
  const wanted = new Set(values)
  const parts = new Map<Value, Value[]>([[loss, [expandLike(loss.graph.scalar(1), loss)]]])
  const gathered = (value: Value): Value | undefined => {
    const found = parts.get(value)
    if (found === undefined) return undefined
    const whole = sum(found)
    parts.set(value, [whole])
    return whole
  }
  for (const entry of entriesBetween(loss, wanted)) {
    const arrived = entry.outputs.map(gathered)
    if (arrived.every((gradient) => gradient === undefined)) continue
    if (entry.gradient === undefined)
      throw new Error(`${entry.operator} has no gradient; put stopGradient around its input or avoid it in a loss`)
    for (const [index, part] of entry.gradient(arrived).entries()) {
      const input = entry.inputs[index]
      if (part === undefined || input.type !== 'float32') continue
      parts.set(input, [...(parts.get(input) ?? []), part])
    }
  }
  return values.map((value) => gathered(value) ?? expandLike(value.graph.scalar(0), value))
}
