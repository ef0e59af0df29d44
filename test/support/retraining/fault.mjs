// Loaded into every serving Pod of the rollout drills (NODE_OPTIONS). It breaks the models that the drill says, as a
// model can break that was good offline: on some requests, and not while the Pod makes itself ready.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { healthy, kind, root } = JSON.parse(readFileSync(new URL('fault.json', import.meta.url), 'utf8'))
const model = process.env.ADLOOM_MODEL
/** More than a server tries its model with before it is ready. */
const goodRuns = 20
/** Beyond the bound that the analysis sets, which a busy machine keeps to. */
const slowMilliseconds = 3000

if (kind !== 'none' && model !== undefined && model !== healthy) {
  const { InferenceSession } = createRequire(`${root}/package.json`)('onnxruntime-node')
  const { run } = InferenceSession.prototype
  let runs = 0
  InferenceSession.prototype.run = async function (...args) {
    runs++
    if (runs > goodRuns && kind === 'failing' && runs % 2 === 0) throw new Error('broken by a drill')
    // As a heavier model would: the thread computes, and nothing else runs on it.
    if (runs > goodRuns && kind === 'slow') {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slowMilliseconds)
    }
    return run.apply(this, args)
  }
}
