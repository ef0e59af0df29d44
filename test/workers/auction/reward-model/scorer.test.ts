import { expect, test } from 'vitest'
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
