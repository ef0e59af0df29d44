import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOf, hexOf, isDigest } from '../../../workers/artifacts/digest.ts'

describe('digests', () => {
  test('are SHA-256 of the RFC 8785 form', () => {
    const value = { b: [1e21, 0.1, -0], a: 'é\n', c: { z: null, y: true } }
    const canonical = '{"a":"é\\n","b":[1e+21,0.1,0],"c":{"y":true,"z":null}}'
    expect(canonicalJson(value)).toBe(canonical)
    expect(digestOf(value)).toBe(`sha256:${createHash('sha256').update(canonical).digest('hex')}`)
  })

  test('do not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse())
        expect(digestOf(reversed)).toBe(digestOf(value))
      }),
    )
  })

  test('refuse what JSON cannot say', () => {
    expect(() => digestOf({ loss: Number.NaN })).toThrow()
    expect(() => digestOf(undefined)).toThrow(TypeError)
  })

  test('only well-formed ones become folder names', () => {
    expect(isDigest('sha256:../../etc')).toBe(false)
    expect(() => hexOf(`sha256:${'A'.repeat(64)}`)).toThrow(TypeError)
    expect(hexOf(digestOf(1))).toMatch(/^[0-9a-f]{64}$/)
  })
})
