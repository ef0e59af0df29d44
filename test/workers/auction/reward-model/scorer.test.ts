import { describe, expect, onTestFinished, test } from 'vitest'
import { type RewardList, RewardScorer } from '../../../../workers/auction/reward-model/scorer.ts'
import { rewardLayout } from '../../../../workers/auction/reward-model/shape.ts'
import { initialParameters } from '../../../../workers/tensor/parameters.ts'
import { Random } from '../../../../workers/tensor/random.ts'
import { shapeOf, syntheticLog } from './synthetic-log.ts'

const random = new Random('scorer')

test.each(['Permutation', 'Pointwise'] as const)(
  'a scorer of short lists, or in a thread of its own, says what one of full lists says, by context %s',
  async (context) => {
    const shape = shapeOf({ context })
    const parameters = initialParameters(rewardLayout(shape), 1).map((value) => value + 0.3 * random.normal())
    const history = Uint32Array.of(3, 17, 20)
    const lists: RewardList[] = [
      { history, items: Uint32Array.of(4), creatives: Int32Array.of(9), isAd: Uint8Array.of(1) },
      { history, items: Uint32Array.of(31), isAd: Uint8Array.of(0) },
      { history: new Uint32Array(), items: Uint32Array.of(8, 2), isAd: Uint8Array.of(0, 1) },
    ]
    const scores = async (slots?: number, ownThread = false) => {
      const size = slots === undefined ? {} : { slots }
      const scorer = await RewardScorer.create({ ...syntheticLog(10), shape, threads: 1, ownThread, ...size })
      await scorer.setParameters(parameters)
      const found = await scorer.score(lists)
      if (slots !== undefined) {
        const long = { history, items: Uint32Array.of(1, 2, 3), isAd: new Uint8Array(3) }
        await expect(scorer.score([long])).rejects.toThrow('A list of 3 items, where there are 2 slots')
      }
      await scorer.release()
      return found.flatMap(({ pCtr, pCtrCreative, pCvr }) =>
        [pCtr, pCtrCreative, pCvr].flatMap((each) => [...(each ?? [])]),
      )
    }
    const whole = await scores()
    for (const [index, value] of (await scores(2)).entries()) expect(value).toBeCloseTo(whole[index], 5)
    expect(await scores(undefined, true)).toEqual(whole)
  },
)

describe('entries of lists whose others are not known', () => {
  const history = Uint32Array.of(3, 17, 20)
  const whole: RewardList = {
    history,
    items: Uint32Array.of(4, 31, 8, 2),
    creatives: Int32Array.of(9, -1, 16, -1),
    isAd: Uint8Array.of(1, 0, 1, 0),
  }
  const entries: RewardList = {
    history,
    items: Uint32Array.of(31, 2),
    creatives: Int32Array.of(-1, -1),
    isAd: Uint8Array.of(0, 0),
    slots: Uint32Array.of(1, 3),
  }
  const scorerOf = async (context: 'Permutation' | 'Pointwise', slots?: number) => {
    const shape = shapeOf({ context })
    const size = slots === undefined ? {} : { slots }
    const scorer = await RewardScorer.create({ ...syntheticLog(10), shape, threads: 1, ...size })
    onTestFinished(() => scorer.release())
    await scorer.setParameters(initialParameters(rewardLayout(shape), 1).map((value) => value + 0.3 * random.normal()))
    return scorer
  }

  test('have the scores that they have in the whole list, each at its place, by context Pointwise', async () => {
    const scorer = await scorerOf('Pointwise')
    const [all, some, none] = await scorer.score([whole, entries, { ...entries, ...nothing }])
    expect(some.pCtr).toHaveLength(2)
    for (const [index, slot] of [1, 3].entries()) {
      expect(some.pCtr[index]).toBeCloseTo(all.pCtr[slot], 5)
      expect(some.pCvr?.[index]).toBeCloseTo(all.pCvr?.[slot] ?? Number.NaN, 5)
    }
    expect(none.pCtr).toHaveLength(0)
    const [moved] = await scorer.score([{ ...entries, slots: Uint32Array.of(0, 1) }])
    expect(moved.pCtr[0]).not.toBeCloseTo(some.pCtr[0], 3)
  })
  const nothing = { items: new Uint32Array(), isAd: new Uint8Array(), slots: new Uint32Array() }

  test('are refused where they stand beyond the slots, and by context Permutation', async () => {
    await expect((await scorerOf('Pointwise', 3)).score([entries])).rejects.toThrow('A list of 4 items')
    await expect((await scorerOf('Permutation')).score([entries])).rejects.toThrow('A model of whole lists')
  })
})

test('parameters of another shape are refused with both sizes and a remedy, and those that are set stay', async () => {
  const shape = shapeOf()
  const { size } = rewardLayout(shape)
  const scorer = await RewardScorer.create({ ...syntheticLog(10), shape, threads: 1 })
  onTestFinished(() => scorer.release())
  const list = { history: new Uint32Array(), items: Uint32Array.of(4), isAd: Uint8Array.of(1) }
  await scorer.setParameters(initialParameters(rewardLayout(shape), 1))
  const before = await scorer.score([list])
  for (const length of [0, size - 1, size + 1])
    await expect(scorer.setParameters(new Float32Array(length))).rejects.toMatchObject({
      reason: 'WrongParameters',
      retryable: false,
      message: expect.stringMatching(
        new RegExp(`has ${size} parameters by its shape, and was given ${length}.*stage reward`),
      ),
    })
  expect(await scorer.score([list])).toEqual(before)
})
