// A Pod's server with an auction that needs no training; told by its environment as a real one is.

import { listenHost } from '../../../../crds/listen-host.ts'
import { followFile } from '../../../../workers/serving/auction/follow-file.ts'
import { Ranker } from '../../../../workers/serving/ranker.ts'
import { buildServer } from '../../../../workers/serving/server.ts'
import { readSettings } from '../../../../workers/serving/settings.ts'
import { fakeAuction, modelWith } from './fake-auction.ts'

// As main.ts has them, without all that it loads.
const systemTimers = {
  monotonic: () => performance.now(),
  after: (milliseconds: number, run: () => void) => {
    const timer = setTimeout(run, milliseconds)
    return () => clearTimeout(timer)
  },
}
const settings = readSettings(process.env)
const log = {
  info: (fields: object, message: string) => console.log(message, JSON.stringify(fields)),
  warn: (fields: object, message: string) => console.log(message, JSON.stringify(fields)),
}
const ranker = new Ranker(settings, systemTimers, { log })
const app = buildServer({ ranker, draining: () => false, logError: console.error })
await app.listen({ host: listenHost(process.env), port: settings.serving.port })
const file = await followFile(settings.auctionSettings ?? '', {
  timers: systemTimers,
  onChange: (text) => ranker.takeAuctionSettings(text),
  onError: console.error,
})
ranker.use({ ...modelWith(fakeAuction()), digest: settings.digest }, file.first)
process.on('SIGTERM', () => process.exit(0))
