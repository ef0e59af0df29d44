// A trained mechanism to ask: utilities of bidders under reports of any kind, in blocks of a fixed number of rows.

import { gradients } from '../../tensor/autodiff.ts'
import { Graph } from '../../tensor/graph.ts'
import { writeModel } from '../../tensor/onnx-writer.ts'
import * as op from '../../tensor/operators.ts'
import { constantParameters } from '../../tensor/parameters.ts'
import { float32, Session } from '../../tensor/session.ts'
import { type AuctionNetwork, learnedOutcome, networkLayout } from './network.ts'

/** Many questions: what bidder `bidder[row]` gets in profile `profile[row]` by reporting row `row` of `reports`. */
export interface ReportQuestions {
  readonly profile: ArrayLike<number>
  readonly bidder: ArrayLike<number>
  /** [rows, items]. */
  readonly reports: Float32Array
}

export interface LearnedMechanism {
  readonly network: AuctionNetwork
  /** Rows of a block; more cost as many blocks, fewer cost a whole one. */
  readonly block: number
  /** Allocation [rows, bidders, items] and payments [rows, bidders] of truthful profiles [rows, bidders * items]. */
  outcomes(profiles: Float32Array): Promise<{ allocation: Float32Array; payments: Float32Array }>
  /** Utilities [rows] under the values of `profiles` [n, bidders * items]. */
  utilities(profiles: Float32Array, questions: ReportQuestions): Promise<Float32Array>
  /** With the gradients [rows, items] with respect to the reports. */
  slopes(profiles: Float32Array, questions: ReportQuestions): Promise<{ utility: Float32Array; gradient: Float32Array }>
  release(): Promise<void>
}

/** Outcomes, utility of one bidder a row, and what `withGradient` adds, as a graph for `block` rows. */
const utilityGraph = (network: AuctionNetwork, parameters: Float32Array, block: number, withGradient: boolean) => {
  const { bidders, items } = network
  const graph = new Graph()
  const weights = constantParameters(graph, parameters, networkLayout(network))
  const reports = graph.input('reports', 'float32', [block, bidders * items])
  const values = graph.input('values', 'float32', [block, 1, items])
  const self = graph.input('self', 'float32', [block, bidders, 1])
  const { allocation, payments } = learnedOutcome(weights, network, reports)
  const worth = op.reduceSum(op.mul(op.mul(allocation, values), self), [1, 2])
  const utility = op.sub(worth, op.reduceSum(op.mul(payments, op.reshape(self, [block, bidders])), [1]))
  graph.output('utility', utility)
  if (withGradient) {
    const [gradient] = gradients(op.reduceSum(utility), [reports])
    graph.output('gradient', op.reduceSum(op.mul(op.reshape(gradient, [block, bidders, items]), self), [1]))
  } else {
    graph.output('allocation', allocation)
    graph.output('payments', payments)
  }
  return writeModel(graph)
}

export async function openLearnedMechanism(
  network: AuctionNetwork,
  parameters: Float32Array,
  { block = 4096, threads = 1 } = {},
): Promise<LearnedMechanism> {
  const { bidders, items } = network
  const width = bidders * items
  const plain = await Session.create(utilityGraph(network, parameters, block, false), { threads })
  const sloped = await Session.create(utilityGraph(network, parameters, block, true), { threads })
  const inputs = {
    reports: new Float32Array(block * width),
    values: new Float32Array(block * items),
    self: new Float32Array(block * bidders),
  }
  const tensors = {
    reports: float32([block, width], inputs.reports),
    values: float32([block, 1, items], inputs.values),
    self: float32([block, bidders, 1], inputs.self),
  }

  const fill = (profiles: Float32Array, { profile, bidder, reports }: ReportQuestions, start: number, rows: number) => {
    inputs.self.fill(0)
    for (let row = 0; row < rows; row++) {
      const [at, own] = [profile[start + row] * width, bidder[start + row] * items]
      inputs.reports.set(profiles.subarray(at, at + width), row * width)
      inputs.values.set(profiles.subarray(at + own, at + own + items), row * items)
      inputs.reports.set(reports.subarray((start + row) * items, (start + row + 1) * items), row * width + own)
      inputs.self[row * bidders + bidder[start + row]] = 1
    }
  }

  /** Runs all questions, block by block, and joins the first rows of the outputs asked for. */
  const run = async <Name extends string>(
    session: Session,
    profiles: Float32Array,
    questions: ReportQuestions,
    sizes: Readonly<Record<Name, number>>,
  ): Promise<Record<Name, Float32Array>> => {
    const total = questions.profile.length
    const names = Object.keys(sizes) as Name[]
    const joined = Object.fromEntries(names.map((name) => [name, new Float32Array(total * sizes[name])]))
    for (let start = 0; start < total; start += block) {
      const rows = Math.min(block, total - start)
      fill(profiles, questions, start, rows)
      const found = await session.run(tensors)
      for (const name of names)
        joined[name].set((found[name].data as Float32Array).subarray(0, rows * sizes[name]), start * sizes[name])
    }
    return joined as Record<Name, Float32Array>
  }

  return {
    network,
    block,
    async outcomes(profiles) {
      const rows = profiles.length / width
      const reports = Float32Array.from({ length: rows * items }, (_, index) => {
        const row = Math.floor(index / items)
        return profiles[row * width + (index % items)]
      })
      const questions = {
        profile: Uint32Array.from({ length: rows }, (_, row) => row),
        bidder: new Uint8Array(rows),
        reports,
      }
      return run(plain, profiles, questions, { allocation: width, payments: bidders })
    },
    async utilities(profiles, questions) {
      return (await run(plain, profiles, questions, { utility: 1 })).utility
    },
    slopes: (profiles, questions) => run(sloped, profiles, questions, { utility: 1, gradient: items }),
    async release() {
      await plain.release()
      await sloped.release()
    },
  }
}
