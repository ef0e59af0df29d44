import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mapAtOnce } from '../../../workers/artifacts/s3/concurrency.ts'

test('results come in the order of the inputs, and never more than the limit are under way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 20 }), fc.integer({ min: 1, max: 6 }), async (turns, limit) => {
      let running = 0
      const results = await mapAtOnce(turns, limit, async (count) => {
        running += 1
        expect(running).toBeLessThanOrEqual(limit)
        for (let i = 0; i < count; i++) await turn()
        running -= 1
        return count * 2
      })
      expect(results).toEqual(turns.map((count) => count * 2))
    }),
  )
})

test('after an error none is begun, and it is thrown when those under way have ended', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const mapping = mapAtOnce([0, 1, 2, 3, 4, 5], 2, async (input) => {
    begun.push(input)
    if (input === 1) throw new Error('broke')
    for (let i = 0; i < 5; i++) await turn()
    ended.push(input)
  })
  await expect(mapping).rejects.toThrow('broke')
  expect([begun, ended]).toEqual([[0, 1], [0]])
})
