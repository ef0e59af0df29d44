// Revenue and regret of a payment network on samples, by the graph that training uses.

import { float32, Session } from '../../tensor/session.ts'
import { evaluationStep } from '../../tensor/training-step.ts'
import { sampleTensors } from './batches.ts'
import { checkSamples, type PaymentSamples } from './samples.ts'
import type { PaymentShape } from './shape.ts'
import { paymentTrainingModel } from './training-model.ts'

/** Means over samples, in units of bids an impression. */
export interface PaymentOutcome {
  readonly revenue: number
  /** Of the best of the samples' own misreports. */
  readonly regret: number
}

/** Samples of one run of an evaluation. */
const evaluatedAtOnce = 512

/** Prices samples with parameters that may change from call to call; release it after use. */
export class PaymentEvaluator {
  readonly #session: Session
  readonly #samples: PaymentSamples
  readonly #tensors: ReturnType<typeof sampleTensors>
  readonly #size: number
  readonly #unpenalised: { readonly lambda: Float32Array; readonly rho: number }

  private constructor(session: Session, shape: PaymentShape, samples: PaymentSamples, size: number) {
    this.#session = session
    this.#samples = samples
    this.#tensors = sampleTensors(shape, samples)
    this.#size = size
    this.#unpenalised = { lambda: new Float32Array(shape.listLength + 1), rho: 0 }
  }

  static async create(shape: PaymentShape, samples: PaymentSamples, threads: number): Promise<PaymentEvaluator> {
    checkSamples(shape, samples)
    const size = Math.min(evaluatedAtOnce, samples.count)
    const model = paymentTrainingModel(shape, { ...samples, samples: size })
    return new PaymentEvaluator(await Session.create(evaluationStep(model), { threads }), shape, samples, size)
  }

  async outcome(parameters: Float32Array): Promise<PaymentOutcome> {
    const { count } = this.#samples
    let revenue = 0
    let regret = 0
    for (let from = 0; from < count; from += this.#size) {
      const chosen = Uint32Array.from({ length: Math.min(this.#size, count - from) }, (_, index) => from + index)
      const batch = this.#tensors(chosen, this.#size, this.#unpenalised)
      const outputs = await this.#session.run({ ...batch, parameters: float32([parameters.length], parameters) })
      revenue += Number(outputs.revenue.data[0]) * chosen.length
      regret += Number(outputs.regret.data[0]) * chosen.length
    }
    return { revenue: revenue / count, regret: regret / count }
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}

/** Revenue and regret of a trained network on samples. @throws PaymentSamplesError */
export const paymentOutcome = async (
  shape: PaymentShape,
  samples: PaymentSamples,
  parameters: Float32Array,
  threads: number,
): Promise<PaymentOutcome> => {
  const evaluator = await PaymentEvaluator.create(shape, samples, threads)
  try {
    return await evaluator.outcome(parameters)
  } finally {
    await evaluator.release()
  }
}
