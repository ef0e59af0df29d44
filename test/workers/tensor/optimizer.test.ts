import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AdamW, adamW } from '../../../workers/tensor/optimizer.ts'
import { parameterLayout } from '../../../workers/tensor/parameters.ts'
import { Random } from '../../../workers/tensor/random.ts'
import { stepScalars } from '../../../workers/tensor/schedules.ts'
import { float32 } from '../../../workers/tensor/session.ts'
import { holds, seeds } from './support/gradient-check.ts'
import { referenceUpdate } from './support/reference-transformer.ts'
import { evaluate } from './support/run-graph.ts'

const layout = parameterLayout([
  { name: 'matrix', shape: [2, 3], initial: 'zeros' },
  { name: 'bias', shape: [3], initial: 'zeros' },
  { name: 'table', shape: [2, 2], initial: 'zeros' },
])
const vector = (values: ArrayLike<number>) => float32([layout.size], Float32Array.from(values))
const scalar = (number: number) => float32([], [number])

const update = (
  settings: AdamW,
  state: { p: ArrayLike<number>; m: ArrayLike<number>; v: ArrayLike<number> },
  gradient: ArrayLike<number>,
  step: number,
  rate = 0.1,
) => {
  const scalars = stepScalars({ kind: 'constant', peak: rate }, settings.betas, step)
  const tensors = {
    parameters: vector(state.p),
    firstMoment: vector(state.m),
    secondMoment: vector(state.v),
    gradient: vector(gradient),
    learningRate: scalar(scalars.learningRate),
    firstCorrection: scalar(scalars.firstCorrection),
    secondCorrection: scalar(scalars.secondCorrection),
  }
  return evaluate(tensors, (values) => {
    const { parameters, firstMoment, secondMoment, gradientNorm } = adamW(
      {
        parameters: values.parameters,
        firstMoment: values.firstMoment,
        secondMoment: values.secondMoment,
        gradient: values.gradient,
        learningRate: values.learningRate,
        firstCorrection: values.firstCorrection,
        secondCorrection: values.secondCorrection,
      },
      layout,
      settings,
    )
    return { p: parameters, m: firstMoment, v: secondMoment, norm: gradientNorm }
  })
}

const zeros = new Float32Array(layout.size)
const start = { p: new Float32Array(layout.size).fill(2), m: zeros, v: zeros }

describe('closed forms', () => {
  test('the first step goes by the rate against the sign, whatever the size of the gradient', async () => {
    const gradient = [5, -5, 0.01, -0.01, 100, 1, 1, 1, 1, 1, 1, 1, 1]
    const settings = { betas: [0.9, 0.999], epsilon: 1e-12, weightDecay: 0 } as const
    const { p } = await update(settings, start, gradient, 1)
    for (const [index, number] of gradient.entries()) expect(p.data[index]).toBeCloseTo(2 - 0.1 * Math.sign(number), 5)
  })

  test('decay shrinks the marked parameters alone, apart from the gradient', async () => {
    const settings = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.5 } as const
    const { p } = await update(settings, start, zeros, 1)
    expect([...p.data]).toEqual(
      [...Array(6).fill(1.9), ...Array(3).fill(2), ...Array(4).fill(1.9)].map((x) => expect.closeTo(x, 6)),
    )
  })

  test('clipping scales the whole gradient to the norm, and leaves a shorter one alone', async () => {
    const settings = { betas: [0, 0.999], epsilon: 1e-8, weightDecay: 0, clipNorm: 1 } as const
    const long = [3, 4, ...new Array<number>(layout.size - 2).fill(0)]
    const clipped = await update(settings, start, long, 1)
    expect(clipped.norm.data[0]).toBe(5)
    expect(clipped.m.data[0]).toBeCloseTo(0.6, 6)
    expect(clipped.m.data[1]).toBeCloseTo(0.8, 6)
    const short = await update(
      settings,
      start,
      long.map((x) => x / 10),
      1,
    )
    expect(short.m.data[0]).toBeCloseTo(0.3, 6)
  })
})

test('any update agrees with the paper in double arithmetic', () =>
  holds(
    [seeds, fc.integer({ min: 1, max: 50 }), fc.double({ min: 0.1, max: 10, noNaN: true })],
    async (seed, step, clipNorm) => {
      const random = new Random('update', seed)
      const draw = () => Float32Array.from({ length: layout.size }, () => random.normal())
      const state = { p: draw(), m: draw(), v: draw().map((x) => x * x) }
      const gradient = draw()
      const settings: AdamW = { betas: [0.9, 0.98], epsilon: 1e-6, weightDecay: 0.1, clipNorm }
      const { p, m, v } = await update(settings, state, gradient, step)
      const doubles = { p: Float64Array.from(state.p), m: Float64Array.from(state.m), v: Float64Array.from(state.v) }
      const decays = layout.parameters.flatMap(({ decay, size }) => Array<boolean>(size).fill(decay))
      const plain = { beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.1, clipNorm }
      referenceUpdate(doubles, Float64Array.from(gradient), decays, plain, 0.1, step)
      for (let index = 0; index < layout.size; index++) {
        expect(m.data[index]).toBeCloseTo(doubles.m[index], 5)
        expect(v.data[index]).toBeCloseTo(doubles.v[index], 5)
        expect(Number(p.data[index]) / doubles.p[index]).toBeCloseTo(1, 3)
      }
    },
  ))
