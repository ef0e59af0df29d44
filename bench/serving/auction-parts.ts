import { availableParallelism } from 'node:os'
import type { AuctionRequest } from '../../workers/auction/auction.ts'
import { auctionGraph, judgeHistory } from '../../workers/decoding/auction/auction-graph.ts'
import { type BidOptions, rowTensors, searchTensors } from '../../workers/decoding/auction/bid-tensors.ts'
import { auctionParts, judgeOf } from '../../workers/decoding/auction/ega-decoder.ts'
import { candidateTensors, capacityFor, prepareRequest } from '../../workers/decoding/auction/request-tensors.ts'
import { objectiveInputs } from '../../workers/decoding/auction/reward-judge.ts'
import type { EgaModel } from '../../workers/ranker/ega/ega-artifact.ts'
import { generatorLayout } from '../../workers/ranker/ega/generator-shape.ts'
import { historyTensors } from '../../workers/ranker/ega/history-tensors.ts'
import { writeModel } from '../../workers/tensor/onnx-writer.ts'
import { constantParameters } from '../../workers/tensor/parameters.ts'
import { float32, int32, Session, type Tensors } from '../../workers/tensor/session.ts'

/** Outputs that the reward model makes, and the payment network. */
const ofReward = ['pCtr', 'pCtrCreative', 'pCvr', 'reward', 'chosen', 'paymentRate']
const ofPayments = ['paymentRate']

/** Milliseconds of one request: the host's work, and the graph with more and more of its parts. */
export interface PartTimes {
  readonly candidates: number
  readonly tokenBids: number
  /** History and search over lists, creatives included. */
  readonly search: number
  readonly reward: number
  readonly payments: number
  /** To load the session of this size. */
  readonly load: number
}

/** The least of several runs of each part: what else the machine does is no part of it. */
export async function timeParts(model: EgaModel, request: AuctionRequest, beams: number, runs: number) {
  const { items } = model.catalogue
  const prepared = least(runs, () => [prepareRequest(request, items)])
  const capacity = capacityFor([request], beams, items)
  const parts = auctionParts(model)
  const tensors = least(runs, () => candidateTensors(prepared.value, capacity, parts.creativesByItem))
  const rows = [{ request: 0, bids: request.bids }]
  const options: BidOptions = model.auction
  const bids = least(runs, () => searchTensors(prepared.value, rows, capacity, options, items))
  const history = new Int32Array(parts.shape.historyLength)
  history.set(request.history.subarray(-history.length))
  const { generator } = model.weights
  if (generator === undefined) throw new Error('The model has no generator')
  const layout = generatorLayout(parts.shape)
  const modelWithout = (outputs: readonly string[]): Uint8Array => {
    const graph = auctionGraph(parts, {
      ...{ capacity, beams, judge: judgeOf(model) },
      parameters: (of) => constantParameters(of, generator, layout),
    })
    for (const output of outputs) graph.outputs.delete(output)
    return writeModel(graph)
  }
  const inputs: Tensors = {
    ...historyTensors(parts.shape, [{ items: request.history }]),
    [judgeHistory]: int32([1, history.length], history),
    ...tensors.value,
    ...bids.value,
    ...rowTensors(rows, Int32Array.of(0), capacity, options.bidUnit),
    [objectiveInputs.conversion]: float32([1], [0]),
    [objectiveInputs.organic]: float32([1], [0]),
  }
  const sessions = []
  for (const outputs of [ofReward, ofPayments, []]) {
    const started = performance.now()
    const session = await Session.create(modelWithout(outputs), { threads: availableParallelism() })
    sessions.push({ session, load: performance.now() - started, run: Number.POSITIVE_INFINITY })
  }
  // By turns, so that whatever slows the machine slows all.
  for (let index = 0; index < runs; index++)
    for (const timed of sessions) {
      const started = performance.now()
      await timed.session.run(inputs)
      timed.run = Math.min(timed.run, performance.now() - started)
    }
  for (const { session } of sessions) await session.release()
  const [search, reward, whole] = sessions
  const times: PartTimes = {
    candidates: prepared.milliseconds + tensors.milliseconds,
    tokenBids: bids.milliseconds,
    search: search.run,
    reward: Math.max(0, reward.run - search.run),
    payments: Math.max(0, whole.run - reward.run),
    load: whole.load,
  }
  return times
}

/** What it gives, and the least time that it took. */
function least<Result>(runs: number, make: () => Result): { readonly value: Result; readonly milliseconds: number } {
  let milliseconds = Number.POSITIVE_INFINITY
  let value = make()
  for (let index = 0; index < runs; index++) {
    const started = performance.now()
    value = make()
    milliseconds = Math.min(milliseconds, performance.now() - started)
  }
  return { value, milliseconds }
}

/** Milliseconds of the host's work for other bids, by number of eligible ads. */
export function timeBids(model: EgaModel, request: AuctionRequest, beams: number, runs: number): number {
  const { items } = model.catalogue
  const prepared = [prepareRequest(request, items)]
  const capacity = capacityFor([request], beams, items)
  const rows = [{ request: 0, bids: request.bids }]
  return least(runs, () => searchTensors(prepared, rows, capacity, model.auction, items)).milliseconds
}
