// From the ids of a request to an auction over indices, with a reason for each id that does not take part.

import { type AdCandidate, defaultSlots, type RankRequest, type SkippedReason } from '../../../crds/rank.ts'
import type { AuctionRequest, ListConstraints } from '../../auction/auction.ts'
import type { TimedHistory } from '../../data/sequences.ts'
import { resolveHistory, type Skip, type Skipped, skipList } from '../resolve-request.ts'
import type { ServedModel } from '../served-model.ts'
import type { AuctionModel, BudgetPacer } from './auction-model.ts'
import type { AuctionCatalogue } from './catalogue.ts'
import { type AdDraft, admitted, type ExclusionCounter, Floor } from './eligibility.ts'
import type { AuctionSettings } from './settings.ts'

export interface ResolvedAuction {
  readonly request: AuctionRequest
  readonly settings: AuctionSettings
  readonly explain: boolean
  /** Ad of the Dataset by candidate of `request.ads`; -1 for an item that is none. */
  readonly ads: Int32Array
  /** Ids of advertisers beyond those of the Dataset; undefined for one without a name. */
  readonly guests: readonly (string | undefined)[]
  readonly skipped: Skipped[]
  readonly market: AuctionCatalogue['market']
}

export interface AuctionScene {
  readonly model: Pick<AuctionModel, 'limits' | 'organic'>
  readonly catalogue: AuctionCatalogue
  readonly lookup: Pick<ServedModel, 'findItem' | 'historyOf' | 'creativesOf' | 'times'>
  readonly settings: AuctionSettings
  readonly pacer: Pick<BudgetPacer, 'admit'>
  /** Of the request: the same key gets the same draws of pacing. */
  readonly key: string
  /** Told of each ad that does not take part. */
  readonly onExcluded: ExclusionCounter
}

/** @param request of which the schema and the limits were checked */
export function resolveAuction(request: RankRequest, scene: AuctionScene): ResolvedAuction {
  const { lookup, settings, model } = scene
  const { skipped, skip } = skipList()
  const known = resolveHistory(request.user, lookup, skip)
  const { history } = known
  const seen = request.includeSeen ? new Set<number>() : new Set(history)
  const slots = request.slots ?? Math.min(model.limits.slots, defaultSlots)
  const guests = new Guests(scene.catalogue)
  const ads =
    request.candidates?.ads === undefined
      ? ownAds(scene, slots, seen)
      : askedAds(request.candidates.ads, scene, { slots, seen, guests, skip })
  const columns = columnsOf(ads)
  const taken = new Set(columns.items)
  const organic = organicItems(request.candidates?.organic, scene, { seen, taken, skip })
  const { slotReserves } = settings
  return {
    request: {
      history,
      ...historyCreatives(request.user, scene, skip),
      ...momentOf(request, known, lookup),
      ads: columns.items,
      bids: columns.bids,
      advertisers: columns.advertisers,
      ...(columns.creatives ? { creatives: columns.creatives } : {}),
      organic,
      slots,
      constraints: constraintsOf(request, settings),
      ...(slotReserves.length === 0 ? {} : { slotReserves: padded(slotReserves, slots) }),
      ...(columns.reserves ? { adReserves: columns.reserves } : {}),
    },
    settings,
    explain: request.explain ?? false,
    ads: columns.ads,
    guests: guests.names,
    skipped,
    market: scene.catalogue.market,
  }
}

/** Of the items of the history that the model knows: as a request that brings one tells, else as the Dataset does. */
function historyCreatives(
  user: RankRequest['user'],
  { lookup, catalogue }: AuctionScene,
  skip: Skip,
): Pick<AuctionRequest, 'historyCreatives'> {
  if (user?.history === undefined) {
    const known = user?.id === undefined ? undefined : lookup.creativesOf?.(user.id)
    return known === undefined ? {} : { historyCreatives: known }
  }
  if (user.historyCreatives === undefined) return {}
  const creatives: number[] = []
  for (const [index, id] of user.history.entries()) {
    const item = lookup.findItem(id)
    if (item === undefined) continue
    const named = user.historyCreatives[index] ?? undefined
    const [creative = -1] = named === undefined ? [] : knownCreatives([named], item, catalogue, skip)
    creatives.push(creative)
  }
  return { historyCreatives: Int32Array.from(creatives) }
}

/** When the view and what was before it happened, as far as that is known. */
function momentOf(
  { time }: RankRequest,
  { history, historyTimes }: TimedHistory,
  { times }: AuctionScene['lookup'],
): Pick<AuctionRequest, 'historyTimes' | 'time'> {
  if (times === undefined) return {}
  // How long after a history without times the view is, nobody knows.
  if (historyTimes === undefined && history.length > 0) return {}
  return { ...(historyTimes && { historyTimes }), time: time === undefined ? times.now() : Date.parse(time) }
}

/** In one pass: a request may have thousands of ads, and callbacks over iterators take most of the time. */
function columnsOf(drafts: readonly AdDraft[]) {
  const { length } = drafts
  const items = new Uint32Array(length)
  const bids = new Float64Array(length)
  const advertisers = new Uint32Array(length)
  const reserves = new Float64Array(length)
  const ads = new Int32Array(length)
  let hasReserves = false
  let hasCreatives = false
  for (let index = 0; index < length; index++) {
    const { ad, item, bid, advertiser, reserve, creatives } = drafts[index]
    items[index] = item
    bids[index] = bid
    advertisers[index] = advertiser
    reserves[index] = reserve
    ads[index] = ad
    hasReserves ||= reserve > 0
    hasCreatives ||= creatives !== undefined
  }
  return {
    ...{ items, bids, advertisers, ads },
    reserves: hasReserves ? reserves : undefined,
    creatives: hasCreatives ? drafts.map(({ creatives }) => creatives) : undefined,
  }
}

interface AskedScene {
  readonly slots: number
  readonly seen: ReadonlySet<number>
  readonly guests: Guests
  readonly skip: Skip
}

function askedAds(
  asked: readonly AdCandidate[],
  scene: AuctionScene,
  { slots, seen, guests, skip }: AskedScene,
): AdDraft[] {
  const { catalogue, settings, onExcluded } = scene
  const { ads } = catalogue.market
  const floor = new Floor(settings, slots)
  const drafts = new Map<number, AdDraft>()
  const ids: string[] = []
  const exclude = (id: string, reason: SkippedReason) => {
    skip(id, reason)
    onExcluded(reason)
  }
  for (const candidate of asked) {
    const found = findAd(candidate.id, scene)
    if (found === undefined) {
      exclude(candidate.id, 'UnknownAd')
      continue
    }
    const { ad, item } = found
    const bid = candidate.bid ?? (ad < 0 ? Number.NaN : ads.bid[ad])
    const named = candidate.advertiser
    const advertiser = named === undefined && ad >= 0 ? ads.advertiser[ad] : guests.indexOf(named)
    const creatives = candidate.creatives && knownCreatives(candidate.creatives, item, catalogue, skip)
    const draft: AdDraft = { ad, item, bid, advertiser, reserve: floor.reserveOf(advertiser), creatives }
    const reason = drafts.has(item) ? 'Duplicate' : (reasonAgainst(draft, seen) ?? floor.against(draft))
    if (reason !== undefined) {
      exclude(candidate.id, reason)
      continue
    }
    drafts.set(item, draft)
    ids.push(candidate.id)
  }
  return withinBudget([...drafts.values()], floor, scene, (place, reason) => exclude(ids[place], reason))
}

function withinBudget(
  drafts: AdDraft[],
  floor: Floor,
  { settings, pacer, key }: AuctionScene,
  onRefused: (place: number, reason: SkippedReason) => void,
): AdDraft[] {
  const { budgets } = settings
  if (budgets === undefined || drafts.length === 0) return drafts
  const admission = admitted(drafts, { pacer, key, budgets }, (draft) => floor.against(draft))
  for (const { place, reason } of admission.refused) onRefused(place, reason)
  return admission.drafts
}

function reasonAgainst({ item, creatives }: AdDraft, seen: ReadonlySet<number>): SkippedReason | undefined {
  if (seen.has(item)) return 'Seen'
  return creatives?.length === 0 ? 'NoCreative' : undefined
}

function findAd(id: string, { catalogue, lookup }: AuctionScene): { ad: number; item: number } | undefined {
  const ad = catalogue.findAd(id)
  if (ad !== undefined) return { ad, item: catalogue.market.ads.item[ad] }
  const item = lookup.findItem(id)
  return item === undefined ? undefined : { ad: catalogue.adOf(item) ?? -1, item }
}

/** All ads of the Dataset that may bid; where the graph takes fewer, those with the highest bids. */
function ownAds(scene: AuctionScene, slots: number, seen: ReadonlySet<number>): AdDraft[] {
  const { settings, model, onExcluded } = scene
  const { ads } = scene.catalogue.market
  const floor = new Floor(settings, slots)
  const drafts: AdDraft[] = []
  for (let ad = 0; ad < ads.count; ad++) {
    const advertiser = ads.advertiser[ad]
    const reserve = floor.reserveOf(advertiser)
    const draft = { ad, item: ads.item[ad], bid: ads.bid[ad], advertiser, reserve, creatives: undefined }
    const reason = reasonAgainst(draft, seen) ?? floor.against(draft)
    if (reason !== undefined) onExcluded(reason)
    else drafts.push(draft)
  }
  const left = withinBudget(drafts, floor, scene, (_, reason) => onExcluded(reason))
  if (left.length <= model.limits.ads) return left
  return left.sort((one, other) => other.bid - one.bid || one.ad - other.ad).slice(0, model.limits.ads)
}

function knownCreatives(ids: readonly string[], item: number, catalogue: AuctionCatalogue, skip: Skip): Uint32Array {
  const known = new Set<number>()
  for (const id of ids) {
    const creative = catalogue.findCreative(id)
    if (creative !== undefined && catalogue.market.creatives?.item[creative] === item) known.add(creative)
    else skip(id, 'UnknownCreative')
  }
  return Uint32Array.from(known)
}

interface OrganicScene {
  readonly seen: ReadonlySet<number>
  readonly taken: ReadonlySet<number>
  readonly skip: Skip
}

/** In the order of the request, which is that of the answer. */
function organicItems(
  ids: readonly string[] | undefined,
  { lookup, model }: AuctionScene,
  { seen, taken, skip }: OrganicScene,
): Uint32Array {
  if (ids === undefined) return model.organic.filter((item) => !seen.has(item) && !taken.has(item))
  const items = new Set<number>()
  for (const id of ids) {
    const item = lookup.findItem(id)
    if (item === undefined) skip(id, 'UnknownItem')
    else if (items.has(item)) skip(id, 'Duplicate')
    else if (taken.has(item)) skip(id, 'AlsoAnAd')
    else if (seen.has(item)) skip(id, 'Seen')
    else items.add(item)
  }
  return Uint32Array.from(items)
}

const constraintsOf = ({ constraints }: RankRequest, settings: AuctionSettings): ListConstraints => ({
  ...settings.constraints,
  ...constraints,
})

function padded(reserves: Float64Array, slots: number): Float64Array {
  const all = new Float64Array(slots)
  all.set(reserves.subarray(0, slots))
  return all
}

/** Advertisers of one request that the Dataset does not know; they are counted on from those that it knows. */
class Guests {
  readonly names: (string | undefined)[] = []
  readonly #catalogue: AuctionCatalogue
  readonly #known = new Map<string, number>()

  constructor(catalogue: AuctionCatalogue) {
    this.#catalogue = catalogue
  }

  /** @param id undefined: one that nobody else is */
  indexOf(id: string | undefined): number {
    const known = id === undefined ? undefined : (this.#catalogue.findAdvertiser(id) ?? this.#known.get(id))
    if (known !== undefined) return known
    const index = this.#catalogue.market.advertisers.count + this.names.push(id) - 1
    if (id !== undefined) this.#known.set(id, index)
    return index
  }
}
