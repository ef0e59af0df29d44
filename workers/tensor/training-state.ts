// Parameters and moments between steps: two sets of buffers, of which a step reads one and writes the other.

import type { StepScalars } from './schedules.ts'
import { float32, type Session, type Tensors } from './session.ts'

/** What a checkpoint holds; all vectors in the order of the parameter layout. */
export interface OptimizerState {
  readonly parameters: Float32Array
  readonly firstMoment: Float32Array
  readonly secondMoment: Float32Array
  /** Steps taken so far. */
  readonly step: number
}

interface Buffers {
  readonly parameters: Float32Array
  readonly firstMoment: Float32Array
  readonly secondMoment: Float32Array
}

const empty = (size: number): Buffers => ({
  parameters: new Float32Array(size),
  firstMoment: new Float32Array(size),
  secondMoment: new Float32Array(size),
})

/** A state before the first step. */
export const freshState = (parameters: Float32Array): OptimizerState => ({
  ...empty(parameters.length),
  parameters,
  step: 0,
})

export class TrainingState {
  #current: Buffers
  #next: Buffers
  #step: number

  constructor({ parameters, firstMoment, secondMoment, step }: OptimizerState) {
    this.#current = {
      parameters: parameters.slice(),
      firstMoment: firstMoment.slice(),
      secondMoment: secondMoment.slice(),
    }
    this.#next = empty(parameters.length)
    this.#step = step
  }

  /** Steps taken so far. */
  get step(): number {
    return this.#step
  }

  /** The current parameters; valid until the next advance, so copy what is to last. */
  get parameters(): Float32Array {
    return this.#current.parameters
  }

  /** A copy for a checkpoint. */
  snapshot(): OptimizerState {
    const { parameters, firstMoment, secondMoment } = this.#current
    return {
      parameters: parameters.slice(),
      firstMoment: firstMoment.slice(),
      secondMoment: secondMoment.slice(),
      step: this.#step,
    }
  }

  /**
   * Takes one step with a session of a `trainingStep` graph, on the batch that it wants; any of several graphs that
   * share a layout. Returns loss, gradientNorm and scalar metrics.
   */
  async advance(session: Session, batch: Tensors, scalars: StepScalars): Promise<Record<string, number>> {
    const rates = Object.fromEntries(Object.entries(scalars).map(([name, number]) => [name, float32([], [number])]))
    return this.#run(session, { ...batch, ...rates }, 1, (data) => Number(data[0]))
  }

  /** Takes as many steps as `scalars` has entries, with a session of a `trainingLoop` graph of that many. */
  async advanceMany(
    session: Session,
    batches: Tensors,
    scalars: readonly StepScalars[],
  ): Promise<Record<string, number[]>> {
    const stacked = (name: keyof StepScalars) =>
      float32(
        [scalars.length],
        scalars.map((each) => each[name]),
      )
    const rates = {
      learningRate: stacked('learningRate'),
      firstCorrection: stacked('firstCorrection'),
      secondCorrection: stacked('secondCorrection'),
    }
    return this.#run(session, { ...batches, ...rates }, scalars.length, (data) => Array.from(data, Number))
  }

  async #run<Report>(
    session: Session,
    inputs: Tensors,
    steps: number,
    report: (data: ArrayLike<number | bigint>) => Report,
  ): Promise<Record<string, Report>> {
    const shape = [this.#current.parameters.length]
    const tensors = (buffers: Buffers) => ({
      parameters: float32(shape, buffers.parameters),
      firstMoment: float32(shape, buffers.firstMoment),
      secondMoment: float32(shape, buffers.secondMoment),
    })
    const next = tensors(this.#next)
    const into = {
      nextParameters: next.parameters,
      nextFirstMoment: next.firstMoment,
      nextSecondMoment: next.secondMoment,
    }
    const outputs = await session.run({ ...inputs, ...tensors(this.#current) }, into)
    ;[this.#current, this.#next] = [this.#next, this.#current]
    this.#step += steps
    return Object.fromEntries(
      Object.entries(outputs).flatMap(([name, { data }]) => (name in into ? [] : [[name, report(data)]])),
    )
  }
}
