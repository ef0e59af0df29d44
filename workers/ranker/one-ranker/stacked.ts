// Networks of one shape side by side, each on rows of its own, as products of batches.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import { normalized } from '../backbone.ts'
import { type Named, part } from '../ega/attention.ts'

/** [count, rows, input] by weights [count or 1, input, output] and biases [count or 1, 1, output]. */
export const stackedLinear = (named: Named, input: Value): Value =>
  op.add(op.matmul(input, named('weight')), named('bias'))

/** Each network's row of every group: [groups, count, size] to [count, groups, size], and back. */
export const byNetwork = (rows: Value): Value => op.transpose(rows, [1, 0, 2])

/** `input + outer(gelu(inner(norm(input))))`, a feed-forward for each of [groups, count, size]. */
export const stackedFeedForward = (named: Named, input: Value, drop: (value: Value) => Value): Value => {
  const normal = byNetwork(normalized(part(named, 'norm'), input))
  const inner = op.quickGelu(stackedLinear(part(named, 'inner'), normal))
  return op.add(input, drop(byNetwork(stackedLinear(part(named, 'outer'), inner))))
}
