// From spec.serving.auction, as the file of the Pod has it, to the numbers that an auction runs by.

import { Ajv } from 'ajv'
import {
  type AuctionSettingsDocument,
  auctionSettingsDocument,
  type LiveAuctionSettings,
  liveAuctionSettings,
} from '../../../crds/auction-settings.ts'
import type { PaymentRule } from '../../../crds/auction-terms.ts'
import { revisionOf } from '../../artifacts/digest.ts'
import type { ListConstraints } from '../../auction/auction.ts'
import type { AllocationWeights, AuctionModel, BudgetPlan, LogSpan } from './auction-model.ts'

/** What an auction runs by; a change makes a new one. */
export interface AuctionSettings {
  /** The same for the same file; the operator compares it with what it wrote. */
  readonly revision: string
  readonly weights: AllocationWeights
  readonly paymentRule: PaymentRule
  /** Per click, as all money here. */
  readonly reservePrice: number
  /** By slot; those beyond have none. */
  readonly slotReserves: Float64Array
  /** Least bid by advertiser of the Dataset, not below reservePrice. */
  readonly advertiserReserves: Float64Array
  readonly constraints: ListConstraints
  readonly budgets: BudgetPlan | undefined
  /** Advertisers that the settings name and the model does not know. */
  readonly unknownAdvertisers: readonly string[]
}

export const refusalReasons = [
  'InvalidFile',
  'NoAuction',
  'NoPaymentNetwork',
  'NoTokenBids',
  'NothingWeighed',
  'OrganicValueTooLow',
  'NoBudgetPeriod',
] as const

/** The settings cannot be taken; those before go on. */
export class SettingsRefusedError extends Error {
  readonly reason: (typeof refusalReasons)[number]
  /** Of what was refused. */
  readonly revision: string

  constructor(reason: SettingsRefusedError['reason'], revision: string, message: string) {
    super(message)
    this.name = 'SettingsRefusedError'
    this.reason = reason
    this.revision = revision
  }
}

export interface SettingsFile {
  readonly revision: string
  readonly settings: LiveAuctionSettings
  /** That a budget is divided among. */
  readonly pods: number
}

// The schema holds keywords and formats of Kubernetes, which say nothing about one value.
const ajv = new Ajv({ strict: false, validateFormats: false, useDefaults: true })
const isDocument = ajv.compile<AuctionSettingsDocument>(auctionSettingsDocument)

/**
 * @param text undefined or empty: no settings, which are those of the model
 * @throws SettingsRefusedError InvalidFile
 */
export function parseSettings(text: string | undefined): SettingsFile {
  const value = parseJson(text || '{"settings":{}}')
  // Before defaults are filled in, and of all fields: a newer operator may know more than this server.
  const { settings } = Object(value) as Partial<AuctionSettingsDocument>
  const revision = revisionOf(settings ?? null)
  const unknown = Object.keys(settings ?? {}).find((key) => !(key in liveAuctionSettings.properties))
  const refused = (problem: string) => new SettingsRefusedError('InvalidFile', revision, problem)
  if (unknown !== undefined) throw refused(`/settings/${unknown} is no field that this server knows`)
  if (!isDocument(value)) throw refused(ajv.errorsText(isDocument.errors, { dataVar: '' }))
  return { revision, settings: value.settings, pods: value.pods ?? 1 }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SettingsRefusedError('InvalidFile', revisionOf(text), `no JSON: ${String(error)}`)
  }
}

/**
 * The model's own settings where the file has none.
 * @throws SettingsRefusedError NoPaymentNetwork, NoTokenBids, NothingWeighed, OrganicValueTooLow, NoBudgetPeriod
 */
export function settingsFor({ revision, settings, pods }: SettingsFile, model: AuctionModel): AuctionSettings {
  const { defaults, hasPaymentNetwork, hasTokenBids, leastOrganic = 0, market } = model
  const { ids } = market.advertisers
  const paymentRule = settings.paymentRule ?? defaults.paymentRule
  if (paymentRule === 'PaymentNetwork' && !hasPaymentNetwork) {
    const message = '/paymentRule PaymentNetwork needs a model that was trained with a payment stage; this one was not'
    throw new SettingsRefusedError('NoPaymentNetwork', revision, message)
  }
  const weight = (['alpha', 'beta'] as const).find((name) => settings[name] !== undefined)
  if (weight !== undefined && !hasTokenBids) {
    const message = `/${weight} weighs tokens by bids, which this model was made without; leave alpha and beta out`
    throw new SettingsRefusedError('NoTokenBids', revision, message)
  }
  const reserves = settings.advertiserReserves ?? []
  const reservePrice = numberOr(settings.reservePrice, 0)
  const reserveOf = new Map(reserves.map(({ advertiser, price }) => [advertiser, Number(price)]))
  const named = [...reserveOf.keys(), ...(settings.budgets?.advertisers ?? []).map(({ advertiser }) => advertiser)]
  const known = named.length === 0 ? undefined : new Set(ids)
  const { reward } = settings
  const alpha = numberOr(settings.alpha, defaults.alpha)
  const beta = numberOr(settings.beta, defaults.beta)
  if (weight !== undefined && alpha + beta === 0) {
    const own =
      settings.beta === undefined ? ', beta by the model' : settings.alpha === undefined ? ', alpha by the model' : ''
    const message = `/alpha and /beta are both 0${own}: no bid would weigh anything; set one of them above 0`
    throw new SettingsRefusedError('NothingWeighed', revision, message)
  }
  const lambdaOrganic = numberOr(reward?.lambdaOrganic, defaults.lambdaOrganic)
  if (reward?.lambdaOrganic !== undefined && lambdaOrganic < leastOrganic) {
    const message = `/reward/lambdaOrganic ${lambdaOrganic} is below ${leastOrganic}, the least that this model's order can tell`
    throw new SettingsRefusedError('OrganicValueTooLow', revision, message)
  }
  return {
    revision,
    weights: {
      alpha,
      beta,
      lambdaConversion: numberOr(reward?.lambdaConversion, defaults.lambdaConversion),
      lambdaOrganic,
    },
    paymentRule,
    reservePrice,
    slotReserves: Float64Array.from(settings.slotReserves ?? [], Number),
    advertiserReserves: Float64Array.from(ids, (id) => Math.max(reservePrice, reserveOf.get(id) ?? 0)),
    constraints: { ...defaults.constraints, ...settings.constraints },
    budgets: budgetPlan({ revision, settings, pods }, model),
    unknownAdvertisers: known === undefined ? [] : [...new Set(named)].filter((id) => !known.has(id)),
  }
}

const numberOr = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number(text)

/** Why no budget of the Dataset can be divided. */
const untold: Readonly<Record<Exclude<LogSpan, number>, string>> = {
  NoRequests: 'it has no logged requests that tell how long that is',
  NoTimes: 'its requests have no times that tell how long that is',
  NoSpan: 'its requests are all of one moment, which does not tell how long that is',
}

/** Amounts of the settings are of a period; budgets of the Dataset are of its log, of which a period is a part. */
function budgetPlan({ revision, settings, pods }: SettingsFile, model: AuctionModel): BudgetPlan | undefined {
  const { budgets } = settings
  if (budgets === undefined) return undefined
  const { pacing, periodSeconds } = budgets
  const { ids, budget } = model.market.advertisers
  const given = new Map((budgets.advertisers ?? []).map(({ advertiser, amount }) => [advertiser, Number(amount)]))
  const { logSpan } = model
  const periods = budgets.datasetPeriods ?? (typeof logSpan === 'number' ? logSpan / periodSeconds : undefined)
  const undivided = ids.find((id, index) => !given.has(id) && Number.isFinite(budget[index]))
  if (periods === undefined && typeof logSpan !== 'number' && undivided !== undefined) {
    const message = `/budgets the Dataset has a budget of "${undivided}" for its whole log, and ${untold[logSpan]}; say by /budgets/datasetPeriods how many periods it is for, or give amounts of all advertisers that have one`
    throw new SettingsRefusedError('NoBudgetPeriod', revision, message)
  }
  const ofPeriod = (index: number): number => budget[index] / (periods ?? 1)
  return {
    pacing,
    periodSeconds,
    budgets: Float64Array.from(ids, (id, index) => (given.get(id) ?? ofPeriod(index)) / pods),
  }
}
