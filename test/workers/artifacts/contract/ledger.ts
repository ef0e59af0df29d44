import { describe, expect, test } from 'vitest'
import type { NewPlace } from './place.ts'

/** What holds for the ledger in every store. */
export function ledgerContract(newPlace: NewPlace): void {
  describe('ledger', () => {
    test('gives back what was appended, in order', async (context) => {
      const { store, elsewhere } = await newPlace(context)
      expect(await store.ledger.read('ads')).toEqual([])
      await store.ledger.append('ads', { event: 'promoted', digest: 'a' })
      await store.ledger.append('ads', { event: 'rejected', why: 'line\nbreak' })
      const { ledger } = await elsewhere()
      expect(await ledger.read('ads')).toEqual([
        { event: 'promoted', digest: 'a' },
        { event: 'rejected', why: 'line\nbreak' },
      ])
      expect(await ledger.read('other')).toEqual([])
    })

    test('names the namespaces that have one', async (context) => {
      const { store } = await newPlace(context)
      expect(await store.ledger.namespaces()).toEqual([])
      for (const namespace of ['more-ads', 'ads', 'ads']) await store.ledger.append(namespace, { event: 'promoted' })
      expect(await store.ledger.namespaces()).toEqual(['ads', 'more-ads'])
    })

    test('takes entries of one process after another', async (context) => {
      const { store, elsewhere } = await newPlace(context)
      const other = await elsewhere()
      for (let entry = 0; entry < 12; entry++) await (entry % 3 === 0 ? store : other).ledger.append('ads', { entry })
      expect((await store.ledger.read('ads')).map(({ entry }) => entry)).toEqual(
        Array.from({ length: 12 }, (_, i) => i),
      )
    })

    test('keeps equal entries apart', async (context) => {
      const { store } = await newPlace(context)
      for (let time = 0; time < 3; time++) await store.ledger.append('ads', { same: true })
      expect(await store.ledger.read('ads')).toHaveLength(3)
    })
  })
}
