// Sizes of a payment network and the parameters that follow from them.

import { type ParameterLayout, type ParameterSpec, parameterLayout } from '../../tensor/parameters.ts'

export interface PaymentShape {
  /** Slots of a list (K). */
  readonly listLength: number
  /** Length of the vectors that items of the chosen list come with; 0 for none. */
  readonly itemDimensions: number
  /** Hidden layers; the paper has 128, 32, 10. */
  readonly hidden: readonly number[]
  /**
   * Whether the ad's own bid is an input besides. Within one allocation a truthful price must not depend on it; false,
   * as in the paper, it comes in only through z and the last factor of the price.
   */
  readonly seesOwnBid: boolean
  /**
   * Rate: a share of the bid, as the paper has it. Threshold: a multiple of what the others
   * lose by the ad (`pivotPrice`), and never more than the bid.
   */
  readonly price: 'Rate' | 'Threshold'
}

export const paymentDefaults = {
  hidden: [128, 32, 10],
  seesOwnBid: false,
  price: 'Rate',
} as const satisfies Partial<PaymentShape>

/** Numbers that tell of the allocation: of z·pCTR its logarithm and itself, and the logarithm of pCTR. */
export const allocationInputs = 3

/** Numbers that are read of a slot: its item, the other bids (B^-), the allocation (Z·Θ), own bid where seen, what the others lose. */
export const inputsOfSlot = ({ itemDimensions, listLength, seesOwnBid, price }: PaymentShape): number =>
  itemDimensions + listLength - 1 + allocationInputs + Number(seesOwnBid) + Number(price === 'Threshold')

/** Names of the parameters, in one place for layout and model. */
export const names = {
  weight: (layer: number) => `payment.${layer}.weight`,
  bias: (layer: number) => `payment.${layer}.bias`,
} as const

/** Every parameter of a payment network, in the order of the flat vector. The first layer has a bias for each slot. */
export const paymentLayout = (shape: PaymentShape): ParameterLayout => {
  const sizes = [inputsOfSlot(shape), ...shape.hidden, 1]
  return parameterLayout(
    sizes.slice(1).flatMap((size, layer): ParameterSpec[] => [
      {
        name: names.weight(layer),
        shape: [sizes[layer], size],
        // A threshold starts as the pivot price itself.
        initial: shape.price === 'Threshold' && layer === shape.hidden.length ? 'zeros' : 'xavier',
      },
      {
        name: names.bias(layer),
        shape: layer === 0 ? [shape.listLength, size] : [size],
        initial: 'zeros',
        decay: false,
      },
    ]),
  )
}
