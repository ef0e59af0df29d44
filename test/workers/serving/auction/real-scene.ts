// Models of real graphs, with weights as they are drawn, over one small marketplace.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { contextIn } from '../../../../bench/recommendation/pipeline.ts'
import { publishModelOf, publishRandomData } from '../../../../bench/serving/random-model.ts'
import type { RankAnswer, RankEntry } from '../../../../crds/rank.ts'
import { loadModel } from '../../../../workers/serving/load-model.ts'
import type { LoadOptions, ServedModel } from '../../../../workers/serving/served-model.ts'
import type { modelScene } from './scene.ts'

const marketplace = {
  dataset: {
    source: { simulation: { users: 60, items: 60, seed: 3 } },
    minInteractionsPerUser: 1,
    advertising: { simulation: { seed: 3, sponsoredPercent: 40, adsPerRequest: 10, organicPerRequest: 10, slots: 4 } },
  },
  tokenizer: {
    features: { text: { dimensions: 8 } },
    levels: 2,
    codebookSize: 8,
    collisions: 'Reassign',
    creatives: { levels: 1, codebookSize: 8 },
  },
}

/** Of models of all architectures. */
export const smallSizes = { layers: 1, hiddenSize: 16, heads: 2, feedForwardSize: 16, historyLength: 4 }
/** Of their lists. */
export const smallLists = { listLength: 4, historyTokens: 'Summed', constraints: { maxAds: 3 } }

export type RealModels = Awaited<ReturnType<typeof realModels>>

/** A store of models of the marketplace; to be released. */
export async function realModels() {
  const folder = await mkdtemp(join(tmpdir(), 'real-auction-'))
  const context = { ...(await contextIn(folder, () => {})), threads: 1 }
  const { store } = context
  const data = await publishRandomData(context, marketplace)
  const loaded: ServedModel[] = []
  return {
    store,
    /** The digest of the marketplace. */
    dataset: data.dataset,
    /** The digest of a model with a spec of `spec.model` and `spec.stages`. */
    publish: (training: object) => publishModelOf(context, data, training),
    load: async (digest: string, auction?: LoadOptions['auction']): Promise<ServedModel> => {
      const options = { store, threads: 1, beamSize: 50, maxBatchSize: 4 }
      const model = await loadModel(digest, auction === undefined ? options : { ...options, auction })
      loaded.push(model)
      return model
    },
    release: async () => {
      for (const model of loaded) await model.release()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const isAd = ({ ad }: RankEntry): boolean => ad !== undefined

/** A list of four with priced ads and organic items, each in a creative of its own, and explained. */
export function expectPricedList(entries: readonly RankEntry[]): void {
  expect(entries.map(({ position }) => position)).toEqual([1, 2, 3, 4])
  expect(entries.filter(isAd).length).toBeGreaterThan(0)
  expect(entries.filter(isAd).length).toBeLessThanOrEqual(smallLists.constraints.maxAds)
  for (const { ad, item, creative, bid = 0, payment = 0, pCtr = 0, pCtrCreative = 0, explain } of entries) {
    expect(creative).toContain(item)
    expect(pCtr).toBeGreaterThan(0)
    expect(pCtrCreative).toBeGreaterThan(0)
    if (ad === undefined) continue
    for (const price of [payment, explain?.gsp, explain?.vcg]) {
      expect(price).toBeGreaterThanOrEqual(0)
      expect(price).toBeLessThanOrEqual(bid + 1e-9)
    }
  }
}

/** Requests of several sizes in one call, of which the last wants no ads, are answered each as alone. */
export async function expectSameAlone(
  { rank, post }: Pick<ReturnType<typeof modelScene>, 'rank' | 'post'>,
  user: object = {},
): Promise<void> {
  const asked = [
    { slots: 2, ...user },
    { slots: 4, user: { history: ['item-1', 'item-2'] } },
    { slots: 2, constraints: { maxAds: 0 } },
  ]
  const together = (await post(asked)).json<RankAnswer[]>()
  for (const [index, request] of asked.entries()) {
    const alone = await rank(request)
    expect(together[index].entries.map(({ item }) => item)).toEqual(alone.entries.map(({ item }) => item))
    expect(together[index].entries[0].score).toBeCloseTo(alone.entries[0].score, 5)
  }
  expect(together[2].entries.some(isAd)).toBe(false)
}
