import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinText, listAttributes } from '../../../workers/data/item-text.ts'

describe('item text', () => {
  test('joins columns and lists, passes over what is no text', () => {
    expect(joinText(['Nail polish', null, ['red', 5], { nested: 'no' }, true])).toBe('Nail polish red 5 true')
    expect(joinText([])).toBe('')
  })

  test('resolves HTML entities that end as such', () => {
    expect(joinText(['L&#39;Oreal &amp; Co&eacute;'])).toBe("L'Oreal & Coé")
    expect(joinText(['R&D &copyright AT&T'])).toBe('R&D &copyright AT&T')
  })

  test('is bounded, and never ends in half a character', () => {
    fc.assert(
      fc.property(fc.nat(3), (shift) => {
        const text = joinText(['a'.repeat(shift) + '😀'.repeat(6000)])
        expect(text.length).toBeLessThanOrEqual(10_000)
        expect(text.length).toBeGreaterThanOrEqual(9999)
        expect(text.isWellFormed()).toBe(true)
        expect(text).not.toContain('\uFFFD')
      }),
    )
  })

  test('attributes keep their order, lose blanks, and are bounded', () => {
    expect(listAttributes([' OPI ', ['Makeup', '', 'Nails'], null])).toEqual(['OPI', 'Makeup', 'Nails'])
    const many = listAttributes([Array.from({ length: 100 }, (_, index) => `${index}${'x'.repeat(300)}`)])
    expect(many).toHaveLength(64)
    expect(Math.max(...many.map((name) => name.length))).toBe(256)
  })
})
