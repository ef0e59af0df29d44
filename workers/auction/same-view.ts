import type { AuctionRequest } from './auction.ts'

/** Whether requests are of one user at one moment about the same candidates. Compared by identity: cheap. */
export const sameView = (one: AuctionRequest, other: AuctionRequest): boolean =>
  one.history === other.history &&
  one.historyTimes === other.historyTimes &&
  one.historyCreatives === other.historyCreatives &&
  one.time === other.time &&
  one.ads === other.ads &&
  one.organic === other.organic &&
  one.creatives === other.creatives
