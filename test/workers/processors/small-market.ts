import { type Market, noUser, requestParts } from '../../../workers/data/market/market.ts'
import { Random } from '../../../workers/tensor/random.ts'

/** Items 0 to 5 are ads of three advertisers, 6 to 11 organic. */
export const adCount = 6
/** Items that the log shows, each as often as any other. */
const logged = [4, 5, 6, 7]
const slots = 3

/** Requests of users in turn, each with all ads and organic items, and a logged list of three at random. */
export function smallMarket(requestCount: number): Market {
  const random = new Random('small-market')
  const ads = Uint32Array.from({ length: adCount }, (_, ad) => ad)
  const value = Float64Array.from(ads, (ad) => 1 + ad)
  const every = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index))
  const offsets = (each: number) => Uint32Array.from(every(requestCount + 1, (index) => index * each))
  const entries = requestCount * slots
  const exposedItem = Uint32Array.from(every(entries, () => logged[random.below(logged.length)]))
  return {
    advertisers: { count: 3, ids: ['a', 'b', 'c'], budget: new Float64Array(3).fill(Number.POSITIVE_INFINITY) },
    ads: {
      count: adCount,
      ids: every(adCount, String),
      item: ads,
      advertiser: ads.map((ad) => ad % 3),
      bid: value.map((each) => each / 2),
      value,
    },
    requests: {
      count: requestCount,
      ids: every(requestCount, String),
      user: Uint32Array.from(every(requestCount, (index) => (index % 5 === 4 ? noUser : index % 20))),
      historyEnd: new Uint32Array(requestCount).fill(4),
      part: Uint8Array.from(
        every(requestCount, (index) => (index % 4 === 0 ? requestParts.validation : requestParts.test)),
      ),
      ads: {
        offsets: offsets(adCount),
        ad: Uint32Array.from(every(requestCount * adCount, (index) => index % adCount)),
        bid: Float64Array.from(every(requestCount * adCount, (index) => value[index % adCount] * random.uniform())),
      },
      organic: {
        offsets: offsets(adCount),
        item: Uint32Array.from(every(requestCount * adCount, (index) => adCount + (index % adCount))),
      },
      exposed: {
        offsets: offsets(slots),
        item: exposedItem,
        ad: Int32Array.from(exposedItem, (item) => (item < adCount ? item : -1)),
        creative: new Int32Array(entries).fill(-1),
        click: Uint8Array.from(every(entries, () => Number(random.uniform() < 0.3))),
        propensity: { meaning: 'Marginal', values: new Float32Array(entries).fill(1 / logged.length) },
      },
    },
  }
}
