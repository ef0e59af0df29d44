import { onTestFinished } from 'vitest'
import type { AuctionSettingsDocument } from '../../../../crds/auction-settings.ts'
import type { FeedbackStream } from '../../../../crds/events.ts'
import type { RankAnswer } from '../../../../crds/rank.ts'
import { Feedback } from '../../../../workers/serving/feedback.ts'
import type { FeedbackRecord } from '../../../../workers/serving/feedback-log.ts'
import { systemTimers } from '../../../../workers/serving/main.ts'
import { Ranker } from '../../../../workers/serving/ranker.ts'
import type { ServedModel } from '../../../../workers/serving/served-model.ts'
import { buildServer } from '../../../../workers/serving/server.ts'
import { readSettings } from '../../../../workers/serving/settings.ts'
import { type FakeAuction, modelWith } from './fake-auction.ts'

export interface SceneOptions {
  readonly serving?: object
  /** As the operator writes them into the file. */
  readonly auctionSettings?: AuctionSettingsDocument['settings']
  readonly now?: number
}

export const settingsText = (settings: AuctionSettingsDocument['settings'], pods?: number): string =>
  JSON.stringify({ settings, pods })

/** A server, without a port, of a model with this auction. */
export const auctionScene = (auction: FakeAuction | undefined, options: SceneOptions = {}) =>
  modelScene(modelWith(auction), options)

export function modelScene(model: ServedModel, options: SceneOptions = {}) {
  const environment = { ADLOOM_NAME: 'feed', ADLOOM_MODEL: 'sha256:1', ADLOOM_REVISION: 'r1', ADLOOM_STORE: '/store' }
  const asked = { maxBatchDelayMilliseconds: 0, ...options.serving }
  const settings = readSettings({ ...environment, ADLOOM_SERVING: JSON.stringify(asked) })
  const lines: string[] = []
  const note = (_: object, message: string) => void lines.push(message)
  const ranker = new Ranker(settings, systemTimers, { log: { info: note, warn: note } })
  const written: Partial<Record<FeedbackStream, object[]>> = {}
  const log = {
    room: 1000,
    append: ({ stream, content }: FeedbackRecord) => {
      written[stream] = [...(written[stream] ?? []), content()]
      return true
    },
  }
  if (settings.serving.feedback !== undefined)
    ranker.noteIn(new Feedback({ settings, log, metrics: ranker.metrics, now: () => options.now ?? 0 }))
  const errors: unknown[] = []
  const app = buildServer({ ranker, draining: () => false, logError: (_, error) => void errors.push(error) })
  onTestFinished(() => app.close())
  ranker.use(model, options.auctionSettings && settingsText(options.auctionSettings))
  const post = async (payload: unknown, url = '/v1/rank') =>
    await app.inject({ method: 'POST', url, payload: payload as object })
  const rank = async (payload: object) => (await post(payload)).json<RankAnswer>()
  const get = async (url: string) => await app.inject({ method: 'GET', url })
  const metric = async (name: string) =>
    (await get('/metrics')).body.split('\n').filter((line) => line.startsWith(name))
  return { ranker, post, rank, get, metric, written, errors, lines }
}
