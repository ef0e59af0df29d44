import { describe, expect, test } from 'vitest'
import { isOfRanker, type OneRankerShape, oneRankerLayout } from '../../../../workers/ranker/one-ranker/shape.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, wholeModel } from './whole-graph.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount)
const asked = {
  histories: [
    { items: Uint32Array.of(4, 11, 2), isAd: [1, 0, 0], times: [1e12, 1.0001e12, 1.0005e12], time: 1.001e12 },
  ],
  candidates: [[3, 7, 12]],
}

const namesOf = (shape: OneRankerShape): string[] => oneRankerLayout(shape).parameters.map(({ name }) => name)
const sizeOf = (shape: OneRankerShape, name: string): number | undefined =>
  oneRankerLayout(shape).parameters.find((each) => each.name === name)?.size

async function answers(shape: OneRankerShape, parameters = roughOneRanker(shape)) {
  const model = await wholeModel(shape, catalogue)
  const outputs = await model.run(parameters, asked)
  await model.release()
  return outputs
}

describe('what may be left out of OneRanker', () => {
  const whole = smallOneRanker(itemCount)

  test.each([
    ['historyTokens', { historyTokens: 'Flattened' }],
    ['attentionOrder', { attentionOrder: 'SelfFirst' }],
    ['selfMask', { selfMask: 'Full' }],
    ['fakeItemsSee', { fakeItemsSee: 'FirstTask' }],
  ] as const satisfies readonly (readonly [string, Partial<OneRankerShape>])[])(
    '%s changes what the same parameters say',
    async (_name, changes) => {
      const shape = smallOneRanker(itemCount, changes)
      expect(oneRankerLayout(shape)).toEqual(oneRankerLayout(whole))
      const [before, after] = [await answers(whole), await answers(shape)]
      for (const name of ['users', 'f']) expect(apart(before[name], after[name]), name).toBeGreaterThan(1e-3)
    },
  )

  test('step 2 takes its parameters with it, and leaves a network for each interest', async () => {
    const shape = smallOneRanker(itemCount, { refinement: false })
    expect(namesOf(whole).some((name) => name.startsWith('interest.'))).toBe(false)
    const without = namesOf(shape)
    expect(without.some((name) => /^(task|fake|target|refinement)\./.test(name) || name === 'ranker.segment')).toBe(
      false,
    )
    const { interests, f } = await answers(shape)
    expect(interests).toHaveLength(shape.interestTokens * shape.hiddenSize)
    expect(f).toHaveLength(3)
    // Each network has parameters of its own.
    const rows = [0, 1, 2].map((head) => interests.subarray(head * shape.hiddenSize, (head + 1) * shape.hiddenSize))
    expect(apart(rows[0], rows[1])).toBeGreaterThan(1e-3)
    expect(apart(rows[1], rows[2])).toBeGreaterThan(1e-3)
  })

  test('step 3 takes its parameters with it, and changes nothing before it', async () => {
    const shape = smallOneRanker(itemCount, { ranking: false })
    expect(namesOf(shape)).toEqual(namesOf(whole).filter((name) => !isOfRanker(name)))
    expect(namesOf(smallOneRanker(itemCount, { ranking: false, refinement: false })).some(isOfRanker)).toBe(false)
    const { f: _none, ...before } = await answers(whole)
    expect(await answers(shape)).toEqual(before)
  })

  test('fake items take the target-aware channel with them', async () => {
    const shape = smallOneRanker(itemCount, { fakeItems: 0 })
    expect(namesOf(shape)).toEqual(namesOf(whole).filter((name) => !/^(fake|target)\.|\.fakes\./.test(name)))
    const { users } = await answers(shape)
    expect(users).toHaveLength((shape.interestTokens + shape.valueTokens) * shape.hiddenSize)
  })

  test('tasks that are not decoupled share one feed-forward and one head', () => {
    const shape = smallOneRanker(itemCount, { taskDecoupling: false })
    expect(namesOf(shape)).toEqual(namesOf(whole))
    for (const name of ['task.head.weight', 'refinement.0.tasks.inner.weight', 'refinement.1.tasks.outer.bias'])
      expect(Number(sizeOf(whole, name))).toBe(5 * Number(sizeOf(shape, name)))
  })

  test('a ranker on step 1 alone hears nothing of step 2', async () => {
    for (const [rankerMemory, hears] of [
      ['StepOne', false],
      ['Both', true],
    ] as const) {
      const shape = smallOneRanker(itemCount, { rankerMemory })
      expect(namesOf(shape).includes('ranker.segment')).toBe(hears)
      const parameters = roughOneRanker(shape)
      const moved = parameters.slice()
      for (const { name, offset, size } of oneRankerLayout(shape).parameters)
        if (name.startsWith('refinement.') || name === 'task.tokens')
          for (let index = offset; index < offset + size; index++) moved[index] *= 1.5
      const distance = apart((await answers(shape, parameters)).f, (await answers(shape, moved)).f)
      if (hears) expect(distance).toBeGreaterThan(1e-3)
      else expect(distance).toBe(0)
    }
  })

  test('no parameter knows how long a history is', () => {
    for (const historyTokens of ['Summed', 'Flattened'] as const)
      expect(oneRankerLayout(smallOneRanker(itemCount, { historyLength: 2048, historyTokens }))).toEqual(
        oneRankerLayout(whole),
      )
  })
})
