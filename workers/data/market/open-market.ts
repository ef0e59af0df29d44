import type { Artifact } from '../../artifacts/store.ts'
import type { Market } from './market.ts'

/**
 * The advertising tables of a Dataset, which no Dataset has yet.
 * @param artifact of a Dataset, opened, hence verified
 * @returns undefined where the Dataset has no advertising tables
 */
export const openMarket = async (_artifact: Artifact): Promise<Market | undefined> => undefined
