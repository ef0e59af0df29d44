// A trained OneRanker with its sessions: what allocation and full ranking alike ask of it.

import type { OneRankerModel } from '../../ranker/one-ranker/artifact.ts'
import type { StreamHistory } from '../../ranker/one-ranker/stream.ts'
import { IncompleteModelError } from '../auction/ega-decoder.ts'
import { OpenedOnce } from '../opened-once.ts'
import { CandidateRanker, type CandidateRankerOptions } from './candidate-ranker.ts'
import { CatalogueScores } from './catalogue-scores.ts'
import type { OneRankerParts } from './graphs.ts'
import { type ItemSide, itemSide } from './item-side.ts'
import { type GeneratorScores, generatorScores } from './step-two.ts'
import type { EncodedUser } from './user-cache.ts'

/** Whose list is asked for, and when. */
export interface Viewer {
  /** Items that the user took, oldest first. */
  readonly history: Uint32Array
  /** Milliseconds since 1970, as far as they are known. */
  readonly historyTimes?: Float64Array
  readonly time?: number
}

/** Of what the model computes once, or seldom. */
const whereOf = ({ threads, ownThread = false }: CandidateRankerOptions) => ({ threads, ownThread })

export class RankedModel {
  readonly parts: OneRankerParts
  readonly side: ItemSide
  readonly ranker: CandidateRanker
  readonly #isAd: Uint8Array
  readonly #catalogue: OpenedOnce<CatalogueScores>

  private constructor(
    model: Pick<OneRankerModel, 'isAd' | 'auction'>,
    { parts, side }: Pick<RankedModel, 'parts' | 'side'>,
    options: CandidateRankerOptions,
  ) {
    this.#isAd = model.isAd
    this.parts = parts
    this.side = side
    this.ranker = new CandidateRanker(parts, options)
    const { candidateRoute: route } = model.auction
    this.#catalogue = new OpenedOnce(() => CatalogueScores.create(parts, side, { route, ...whereOf(options) }))
  }

  /** @throws IncompleteModelError where the model is a judge alone */
  static async create(
    model: Pick<OneRankerModel, 'isAd' | 'auction' | 'shapes' | 'weights' | 'catalogue' | 'digest'>,
    options: CandidateRankerOptions,
  ): Promise<RankedModel> {
    const { shapes, weights, catalogue, digest } = model
    if (shapes.ranker === null || weights.ranker === undefined) throw new IncompleteModelError(digest, 'ranker')
    const parts = { shape: shapes.ranker, items: catalogue.items, weights: weights.ranker }
    return new RankedModel(model, { parts, side: await itemSide(parts, whereOf(options)) }, options)
  }

  /** As the stream of step 1 reads it. */
  historyOf({ history, historyTimes, time }: Viewer): StreamHistory {
    // The behaviour before the first that is read tells how long after it that one was.
    const recent = history.subarray(-(this.parts.shape.historyLength + 1))
    return {
      items: recent,
      isAd: this.areAds(recent),
      time,
      times: historyTimes?.subarray(historyTimes.length - recent.length),
    }
  }

  /** 1 for what the Dataset advertises. */
  areAds(items: Uint32Array): Uint8Array {
    return Uint8Array.from(items, (item) => this.#isAd[item])
  }

  /** @param candidates of each user */
  generatorScores(users: readonly EncodedUser[], candidates: readonly Uint32Array[]): Promise<GeneratorScores[]> {
    const { shape } = this.parts
    return generatorScores(users, candidates, { shape, side: this.side, catalogue: () => this.catalogueScores() })
  }

  catalogueScores(): Promise<CatalogueScores> {
    return this.#catalogue.get()
  }

  /** Whether step 2 chooses among so many ads those that step 3 ranks, at most `kept`. */
  recalls(ads: number, kept: number): boolean {
    return this.parts.shape.refinement && ads > kept
  }

  async release(): Promise<void> {
    await this.ranker.release()
    await this.#catalogue.release()
  }
}
