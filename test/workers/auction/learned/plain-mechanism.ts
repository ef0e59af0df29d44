// The learned mechanism in plain double arithmetic, one profile at a time.

import type { AuctionNetwork } from '../../../../workers/auction/learned/network.ts'
import { networkLayout } from '../../../../workers/auction/learned/network.ts'
import { unpack } from '../../../../workers/tensor/parameters.ts'

export function plainOutcome(network: AuctionNetwork, flat: Float32Array, reports: ArrayLike<number>) {
  const { bidders, items, width, layers } = network
  const weights = unpack(flat, networkLayout(network))
  const of = (name: string): Float32Array => weights.get(name) ?? new Float32Array(0)
  const score = (head: string, bidder: number, item: number): number => {
    let hidden: number[] = []
    for (let i = 0; i < bidders; i++)
      for (let j = 0; j < items; j++)
        hidden.push((reports[((bidder + i) % bidders) * items + ((item + j) % items)] - 0.5) * Math.sqrt(12))
    for (let layer = 0; layer < layers; layer++) {
      const input = hidden
      const weight = of(`${head}.${layer}.weight`)
      hidden = Array.from(of(`${head}.${layer}.bias`), (bias, unit) =>
        Math.tanh(input.reduce((sum, each, from) => sum + each * weight[from * width + unit], bias)),
      )
    }
    const out = of(`${head}.out.weight`)
    return hidden.reduce((sum, each, from) => sum + each * out[from], of(`${head}.out.bias`)[0])
  }
  const allocation = new Float64Array(bidders * items)
  const payments = new Float64Array(bidders)
  for (let item = 0; item < items; item++) {
    const shares = Array.from({ length: bidders }, (_, bidder) => Math.exp(10 * score('allocation', bidder, item)))
    const whole = shares.reduce((sum, each) => sum + each, 1)
    shares.forEach((share, bidder) => {
      const pair = bidder * items + item
      const rate = 1 / (1 + Math.exp(-score('payment', bidder, item)))
      allocation[pair] = share / whole
      payments[bidder] += rate * allocation[pair] * reports[pair]
    })
  }
  return { allocation, payments }
}
