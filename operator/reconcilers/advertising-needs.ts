// What runs need of the marketplace of a Dataset, told from its status before anything is launched. Where status speaks of
// another revision than the one that is used, or of none, the worker tells.

import type { AdvertisingFact, AdvertisingStatus } from '../../crds/advertising.ts'
import type { Dataset } from '../../crds/kinds/dataset.ts'

/** A fact that something needs, and who needs it. */
export interface Need {
  readonly told: AdvertisingFact
  /** Subject and verb, such as `stages.reward learns from`. */
  readonly by: string
  /** Of exposures: why entries of lists do not do, and what to change; absent where they do. */
  readonly whole?: string
}

/** What each fact is, and the field of the Dataset that gives it. */
const facts: { readonly [Fact in AdvertisingFact]?: { readonly what: string; readonly field: string } } = {
  Bids: { what: 'bids', field: 'spec.advertising.ads.columns.bid or requests.columns.bids' },
  Budgets: { what: 'budgets', field: 'spec.advertising.advertisers.columns.budget' },
  Creatives: { what: 'creatives', field: 'spec.advertising.creatives' },
  Requests: { what: 'requests', field: 'spec.advertising.requests' },
  EligibleAds: { what: 'eligible ads of requests', field: 'spec.advertising.requests.columns.ads' },
  Exposures: { what: 'exposed lists', field: 'spec.advertising.exposures' },
  Conversions: { what: 'conversions', field: 'spec.advertising.exposures.columns.conversion' },
  Propensities: { what: 'propensities', field: 'spec.advertising.exposures.columns.propensity' },
}

/**
 * Why a revision of the Dataset does not do; undefined where it does, or where its status does not tell of it.
 * @param advertising undefined where the Dataset has none
 */
export function unmetNeed(name: string, advertising: AdvertisingStatus | undefined, needs: readonly Need[]) {
  const [first] = needs
  if (first === undefined) return undefined
  if (advertising === undefined)
    return `Dataset "${name}" has no advertising tables, but ${first.by} ${wordsOf(first)}; give spec.advertising of the Dataset`
  const unmet = needs.find(({ told }) => !advertising.has.includes(told))
  if (unmet !== undefined)
    return `Dataset "${name}" has no ${wordsOf(unmet)}, but ${unmet.by} them; give ${fieldOf(unmet)} of the Dataset`
  const cut = advertising.lists === 'Entries' ? needs.find(({ whole }) => whole !== undefined) : undefined
  return (
    cut && `Dataset "${name}" has entries of lists whose others are not logged, but ${cut.by} whole lists; ${cut.whole}`
  )
}

const wordsOf = ({ told }: Need): string => facts[told]?.what ?? told
const fieldOf = ({ told }: Need): string => facts[told]?.field ?? 'spec.advertising'

/** Whether status tells of this revision. */
export const tellsOf = (dataset: Dataset | undefined, revision: string): dataset is Dataset =>
  dataset?.status?.revision === revision
