/**
 * A seeded simulation of users and a catalogue, for the quickstart and for tests.
 *
 * Items belong to interests, and inside an interest to stages that users tend to go through in a circle (cleanser,
 * toner, cream, ...). Users follow a few interests. The next item follows the stage of the last one, or is popular in
 * the same interest, or belongs to another interest of the user: so a model of sequences beats popularity clearly, and
 * an item's words, which name its interest, stage and brand, tell about items with few interactions.
 * Everything, users' order included, comes from the seed; a user is drawn without knowledge of the others, so any
 * number of them streams.
 */
import { Random } from '../tensor/random.ts'
import type { SimulationSpec } from './dataset-spec.ts'

const STAGES = 5
const BRANDS_PER_INTEREST = 4
const WORDS_PER_INTEREST = 8
const MIN_HISTORY = 3
const DAY = 86_400_000
const FIRST_DAY = Date.UTC(2025, 0, 1)
const DAYS = 180
/** Shares of what comes next: the following stage, the same interest, another interest of the user. */
const NEXT_STAGE = 0.6
const SAME_INTEREST = 0.2
/** With this probability the next stage's item is one of the successors fixed for the last item. */
const FIXED_SUCCESSOR = 0.7
const SUCCESSORS = 3
const ZIPF_EXPONENT = 0.9
const DRAWS_BEFORE_SCAN = 24

export interface SimulatedItem {
  id: string
  text: string
  /** Brand, interest, stage. */
  attributes: string[]
}

export interface SimulatedEvent {
  user: string
  item: string
  /** Milliseconds since 1970. */
  time: number
}

interface Catalogue {
  items: SimulatedItem[]
  interest: Uint16Array
  stage: Uint8Array
  /** By interest. */
  ofInterest: PopularityDraw[]
  /** By interest and stage. */
  ofStage: PopularityDraw[][]
  successors: number[][]
}

/** Items with their cumulative popularity at the first and at the last day, for draws in logarithmic time. */
interface PopularityDraw {
  items: number[]
  early: Float64Array
  late: Float64Array
}

export interface Simulation {
  items: readonly SimulatedItem[]
  /** User after user, each in time order; no item twice for a user. */
  events(): Generator<SimulatedEvent>
}

export function simulate(spec: SimulationSpec): Simulation {
  const catalogue = drawCatalogue(spec)
  function* events(): Generator<SimulatedEvent> {
    for (let user = 0; user < spec.users; user++) yield* drawHistory(spec, catalogue, user)
  }
  return { items: catalogue.items, events }
}

function drawCatalogue(spec: SimulationSpec): Catalogue {
  const random = new Random(spec.seed, 'catalogue')
  const words = wordSupply(new Random(spec.seed, 'words'))
  const interests = Array.from({ length: spec.interests }, () => ({
    name: words(),
    words: Array.from({ length: WORDS_PER_INTEREST }, words),
    brands: Array.from({ length: BRANDS_PER_INTEREST }, words),
  }))
  const stages = Array.from({ length: STAGES }, words)
  const common = Array.from({ length: 12 }, words)
  const pick = (list: readonly string[]): string => list[random.below(list.length)]
  const ranks = random.permutation(spec.items)
  const lateRanks = random.permutation(spec.items)
  const members: number[][][] = interests.map(() => Array.from({ length: STAGES }, () => []))
  const drawOf = (items: number[]): PopularityDraw => ({
    items,
    early: cumulative(items, ranks),
    late: cumulative(items, lateRanks),
  })
  const items: SimulatedItem[] = []
  const interestOf = new Uint16Array(spec.items)
  const stageOf = new Uint8Array(spec.items)
  for (let item = 0; item < spec.items; item++) {
    const interest = item % spec.interests
    const stage = Math.floor(item / spec.interests) % STAGES
    const { name, words: own, brands } = interests[interest]
    const brand = pick(brands)
    interestOf[item] = interest
    stageOf[item] = stage
    members[interest][stage].push(item)
    const text = [brand, pick(own), stages[stage], pick(own), name, pick(common)].join(' ')
    items.push({
      id: `item-${item}`,
      text,
      attributes: [capital(brand), capital(name), capital(stages[stage])],
    })
  }
  const successors = items.map((_, item) => {
    const following = members[interestOf[item]][(stageOf[item] + 1) % STAGES]
    return following.length === 0
      ? []
      : Array.from({ length: SUCCESSORS }, () => following[random.below(following.length)])
  })
  return {
    items,
    interest: interestOf,
    stage: stageOf,
    ofInterest: members.map((stagesOfOne) => drawOf(stagesOfOne.flat())),
    ofStage: members.map((stagesOfOne) => stagesOfOne.map(drawOf)),
    successors,
  }
}

/** Running sums of Zipf's law over the ranks of these items. */
function cumulative(items: readonly number[], ranks: Uint32Array): Float64Array {
  let sum = 0
  return Float64Array.from(items, (item) => {
    sum += (ranks[item] + 1) ** -ZIPF_EXPONENT
    return sum
  })
}

function* drawHistory(spec: SimulationSpec, catalogue: Catalogue, user: number): Generator<SimulatedEvent> {
  const random = new Random(spec.seed, 'user', user)
  const length = Math.min(drawLength(spec.interactionsPerUser, random), spec.items)
  const own = drawInterests(spec.interests, random)
  const times = drawTimes(length, random)
  const seen = new Set<number>()
  let last: number | undefined
  for (const time of times) {
    const lateShare = ((time - FIRST_DAY) / (DAYS * DAY)) * (spec.driftPercent / 100)
    const item = drawItem({ catalogue, own, last, seen, lateShare, random })
    seen.add(item)
    last = item
    yield { user: `user-${user}`, item: catalogue.items[item].id, time }
  }
}

/** At least 3, geometric above, with the wanted mean. */
function drawLength(mean: number, random: Random): number {
  const above = Math.max(0, mean - MIN_HISTORY)
  if (above === 0) return MIN_HISTORY
  return MIN_HISTORY + Math.floor(Math.log(1 - random.uniform()) / Math.log(above / (above + 1)))
}

function drawInterests(interests: number, random: Random): number[] {
  const wanted = Math.min(interests, 2 + random.below(3))
  const own = new Set<number>()
  while (own.size < wanted) own.add(random.below(interests))
  return [...own]
}

/** Ascending, inside a span of the user's own. */
function drawTimes(length: number, random: Random): number[] {
  const span = (0.2 + 0.8 * random.uniform()) * DAYS * DAY
  const start = FIRST_DAY + random.uniform() * (DAYS * DAY - span)
  return Array.from({ length }, () => Math.floor((start + random.uniform() * span) / 1000) * 1000).sort((a, b) => a - b)
}

interface Draw {
  catalogue: Catalogue
  own: readonly number[]
  last: number | undefined
  seen: ReadonlySet<number>
  /** 0..1: how often popularity is that of the last day. */
  lateShare: number
  random: Random
}

/** An item that the user has not had. */
function drawItem(draw: Draw): number {
  for (let attempt = 0; attempt < DRAWS_BEFORE_SCAN; attempt++) {
    const item = proposeItem(draw)
    if (item !== undefined && !draw.seen.has(item)) return item
  }
  const { catalogue, seen, random } = draw
  const start = random.below(catalogue.items.length)
  for (let step = 0; step < catalogue.items.length; step++) {
    const item = (start + step) % catalogue.items.length
    if (!seen.has(item)) return item
  }
  throw new RangeError('A history cannot be longer than the catalogue')
}

function proposeItem({ catalogue, own, last, lateShare, random }: Draw): number | undefined {
  const choice = random.uniform()
  if (last === undefined || choice >= NEXT_STAGE + SAME_INTEREST) {
    return drawPopular(catalogue.ofInterest[own[random.below(own.length)]], lateShare, random)
  }
  const interest = catalogue.interest[last]
  if (choice >= NEXT_STAGE) return drawPopular(catalogue.ofInterest[interest], lateShare, random)
  const successors = catalogue.successors[last]
  if (successors.length > 0 && random.uniform() < FIXED_SUCCESSOR) return successors[random.below(successors.length)]
  return drawPopular(catalogue.ofStage[interest][(catalogue.stage[last] + 1) % STAGES], lateShare, random)
}

/** Undefined when there are no items. */
function drawPopular(draw: PopularityDraw, lateShare: number, random: Random): number | undefined {
  const sums = random.uniform() < lateShare ? draw.late : draw.early
  const wanted = random.uniform() * (sums.at(-1) ?? 0)
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle] > wanted) high = middle
    else low = middle + 1
  }
  return draw.items[low]
}

/** Pronounceable words, none twice. */
function wordSupply(random: Random): () => string {
  const consonants = 'bdfgklmnprstvz'
  const vowels = 'aeiou'
  const used = new Set<string>()
  const syllable = (): string => consonants[random.below(consonants.length)] + vowels[random.below(vowels.length)]
  return () => {
    for (let syllables = 2; ; syllables += used.size > 2000 ? 1 : 0) {
      const word = Array.from({ length: syllables + random.below(2) }, syllable).join('')
      if (used.has(word)) continue
      used.add(word)
      return word
    }
  }
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}
