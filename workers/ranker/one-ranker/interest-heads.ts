// Parallel multi-token prediction of step 1 alone (GPR): a residual network for each of the next items, all on the last
// state. Step 2 has task tokens instead.

import type { Value } from '../../tensor/graph.ts'
import * as op from '../../tensor/operators.ts'
import type { Parameters } from '../../tensor/parameters.ts'
import { type OneRankerShape, oneRankerNames } from './shape.ts'
import { stackedFeedForward } from './stacked.ts'

/**
 * States that the next items are predicted from, [B, interestTokens, hiddenSize].
 * @param last [B, hiddenSize]
 */
export const interestStates = (
  parameters: Parameters,
  { interestTokens, hiddenSize }: OneRankerShape,
  last: Value,
): Value => {
  const [batch] = last.shape
  const copies = op.concat(
    Array.from({ length: interestTokens }, () => op.reshape(last, [batch, 1, hiddenSize])),
    1,
  )
  return stackedFeedForward(
    (inner) => parameters(oneRankerNames.interest(inner)),
    copies,
    (value) => value,
  )
}
