// Replays a log of real auctions against one bidder with a budget, as `han-cai/rlb-dp` does (Cai et al., Real-Time Bidding
// by Reinforcement Learning in Display Advertising, WSDM 2017). Test code: it anchors bidding and accounting, no more.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Campaign {
  /** Of the training part: prices 0..300 and how often each won. */
  readonly priceCounts: readonly number[]
  readonly cost: number
  readonly impressions: number
  readonly clicks: number
  /** Of the test part, in the order of time; pCTR, market price and click of each auction. */
  readonly log: { readonly pCtr: Float64Array; readonly price: Int32Array; readonly click: Uint8Array }
}

export function readCampaign(folder: string, campaign: number): Campaign {
  const info = JSON.parse(readFileSync(join(folder, `${campaign}.info.json`), 'utf8')) as Record<string, never>
  const lines = readFileSync(join(folder, `${campaign}.test.theta.txt`), 'utf8')
    .trimEnd()
    .split('\n')
  const rows = lines.map((line) => line.split(' ').map(Number))
  return {
    priceCounts: info.price_counter_train,
    cost: info.cost_train,
    impressions: info.imp_train,
    clicks: info.clk_train,
    log: {
      click: Uint8Array.from(rows, ([click]) => click),
      price: Int32Array.from(rows, ([, price]) => price),
      pCtr: Float64Array.from(rows, ([, , pCtr]) => pCtr),
    },
  }
}

export const maxBid = 300

/** Bid at an auction with `left` auctions to go, itself included, and what is left of the budget. */
export type Strategy = (pCtr: number, left: number, budget: number) => number

export interface Episodes {
  /** Auctions of an episode. */
  readonly length: number
  /** For each anew. */
  readonly budget: number
}

/** 1000 auctions each, a budget of 1/32 of what all of them would cost at the mean price of training. */
export const episodesOf = ({ cost, impressions }: Campaign, length = 1000): Episodes => ({
  length,
  budget: Math.trunc(((cost / impressions) * length) / 32),
})

export interface Outcome {
  readonly auctions: number
  readonly impressions: number
  readonly clicks: number
  readonly cost: number
}

/** Wins where the bid reaches the market price, and pays that price: a second-price auction. */
export function replay({ log }: Campaign, { length, budget }: Episodes, strategy: Strategy): Outcome {
  const auctions = log.price.length
  let [impressions, clicks, cost, left] = [0, 0, 0, budget]
  for (let auction = 0; auction < auctions; auction++) {
    const place = auction % length
    if (place === 0) left = budget
    const bid = Math.min(left, Math.min(maxBid, strategy(log.pCtr[auction], length - place, left)))
    const price = log.price[auction]
    if (bid < price) continue
    left -= price
    cost += price
    impressions++
    clicks += log.click[auction]
  }
  return { auctions, impressions, clicks, cost }
}
