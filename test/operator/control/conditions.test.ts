import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Condition } from '../../../operator/cluster/objects.ts'
import {
  type ConditionedStatus,
  deriveConditions,
  findCondition,
  isTrue,
  MESSAGE_LIMIT,
  type OwnCondition,
  type Readiness,
  type ReadyState,
  setCondition,
  truncate,
} from '../../../operator/control/conditions.ts'
import { lintConditions } from '../../support/condition-linter.ts'
import { kstatus } from '../../support/kstatus.ts'

const NOON = Date.parse('2026-01-01T12:00:00Z')

function objectWith(status: ConditionedStatus, generation = status.observedGeneration) {
  return { apiVersion: 'example.dev/v1', kind: 'Thing', metadata: { name: 'thing', generation }, status }
}

function derive(state: ReadyState, own: OwnCondition[] = [], previous: Condition[] = [], nowMs = NOON) {
  return deriveConditions(previous, 3, { state, reason: 'Because', message: 'It is so.', own }, nowMs)
}

describe('the derived conditions', () => {
  it.each([
    ['ready', 'Current'],
    ['reconciling', 'InProgress'],
    ['held', 'InProgress'],
    ['stalled', 'Failed'],
  ] as const)('of %s are read by kstatus as %s', (state, expected) => {
    expect(kstatus(objectWith(derive(state))).status).toBe(expected)
  })

  it('leave out negative conditions that are not true', () => {
    const own = [{ type: 'Degraded', status: 'False', reason: 'Fine', message: '', negative: true } as const]
    expect(derive('ready', own).conditions.map((one) => one.type)).toEqual(['Ready'])
  })

  it('let Ready tell what a negative condition of the kind says', () => {
    const own = [
      { type: 'Degraded', status: 'True', reason: 'DiskFull', message: 'No space.', negative: true } as const,
    ]
    const ready = findCondition(derive('reconciling', own).conditions, 'Ready')
    expect(ready).toMatchObject({ status: 'False', reason: 'DiskFull', message: 'No space.' })
  })

  it('keep lastTransitionTime while the status stays, and move it when it turns', () => {
    const first = derive('reconciling').conditions
    const later = derive('reconciling', [], first, NOON + 60_000).conditions
    expect(later.map((one) => one.lastTransitionTime)).toEqual(['2026-01-01T12:00:00Z', '2026-01-01T12:00:00Z'])
    const ready = derive('ready', [], later, NOON + 90_000).conditions
    expect(ready).toMatchObject([{ type: 'Ready', lastTransitionTime: '2026-01-01T12:01:30Z', observedGeneration: 3 }])
  })

  it('refuse a reason that the API server would refuse, and a derived type as own', () => {
    expect(() => derive('ready', [{ type: 'Good', status: 'True', reason: 'not a word', message: '' }])).toThrow(
      'not one CamelCase word',
    )
    expect(() => derive('ready', [{ type: 'Stalled', status: 'True', reason: 'X', message: '' }])).toThrow('derived')
  })

  it('pass the linter in every state, and give the same when derived from themselves', () => {
    fc.assert(
      fc.property(readiness(), readiness(), fc.integer({ min: 1, max: 9 }), (before, after, generation) => {
        const first = deriveConditions([], generation, before, NOON)
        const second = deriveConditions(first.conditions, generation + 1, after, NOON + 1000)
        const negatives = (after.own ?? []).flatMap((one) => (one.negative ? one.type : []))
        expect(lintConditions(objectWith(second), negatives)).toEqual([])
        expect(deriveConditions(second.conditions, generation + 1, after, NOON + 9000)).toEqual(second)
      }),
    )
  })
})

describe('the linter itself', () => {
  const condition = (type: string, status: Condition['status'], observedGeneration?: number): Condition => ({
    type,
    status,
    reason: `${type}Reason`,
    message: '',
    lastTransitionTime: '2026-01-01T12:00:00Z',
    ...(observedGeneration !== undefined && { observedGeneration }),
  })
  const codes = (conditions: Condition[], observedGeneration = 2, negative: string[] = ['Bad']) =>
    lintConditions(objectWith({ observedGeneration, conditions }, 2), negative).map((found) => found.slice(0, 8))

  it.each([
    ['FAIL0001', [condition('Ready', 'True', 2), condition('Bad', 'True', 2)], 2],
    ['FAIL0002', [], 2],
    ['FAIL0003', [condition('Ready', 'Unknown', 2), condition('Reconciling', 'True', 2)], 2],
    ['FAIL0004', [condition('Ready', 'True', 2), condition('Stalled', 'True', 2)], 2],
    [
      'FAIL0005',
      [condition('Ready', 'False', 2), condition('Stalled', 'True', 2), condition('Reconciling', 'True', 2)],
      2,
    ],
    ['FAIL0006', [condition('Ready', 'False', 2)], 3],
    ['FAIL0007', [condition('Ready', 'True', 2)], 1],
    ['FAIL0008', [condition('Ready', 'True', 2), condition('Good', 'True', 1)], 2],
    ['FAIL0009', [condition('Ready', 'True', 3)], 2],
    ['FAIL0011', [condition('Ready', 'Unknown', 2)], 2],
    ['WARN0001', [condition('Ready', 'True', 2), condition('Bad', 'False', 2)], 2],
    ['WARN0002', [condition('Ready', 'False', 2), condition('Bad', 'True', 2)], 2],
    ['WARN0003', [condition('Ready', 'False', 2), condition('Reconciling', 'False', 2)], 2],
    ['WARN0004', [condition('Ready', 'False', 2), condition('Stalled', 'False', 2)], 2],
    ['WARN0005', [condition('Ready', 'False')], 2],
  ])('finds %s', (code, conditions, observedGeneration) => {
    expect(codes(conditions, observedGeneration)).toContain(code)
  })

  it('finds nothing in a good status', () => {
    expect(codes([condition('Ready', 'True', 2)])).toEqual([])
  })
})

describe('kstatus', () => {
  it('takes an object without a status for Current, and one with generation -1 observed for InProgress', () => {
    const bare = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'thing', generation: 1 } }
    expect(kstatus(bare).status).toBe('Current')
    expect(kstatus({ ...bare, status: { observedGeneration: -1 } }).status).toBe('InProgress')
  })

  it('puts deletion before everything', () => {
    const object = objectWith(derive('stalled'))
    const deleted = { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } }
    expect(kstatus(deleted).status).toBe('Terminating')
  })
})

describe('setCondition', () => {
  it('adds what is new, replaces what is there and leaves the rest', () => {
    const one = setCondition([], { type: 'A', status: 'True', reason: 'R', message: '' }, 1, NOON)
    const two = setCondition(one, { type: 'B', status: 'True', reason: 'R', message: '' }, 1, NOON)
    const three = setCondition(two, { type: 'A', status: 'False', reason: 'S', message: 'm' }, 2, NOON + 5000)
    expect(three.map((condition) => condition.type)).toEqual(['A', 'B'])
    expect(three[0]).toMatchObject({ status: 'False', reason: 'S', lastTransitionTime: '2026-01-01T12:00:05Z' })
    expect(three[1]).toBe(two[1])
    expect([isTrue(three, 'A'), isTrue(three, 'B'), isTrue(three, 'C')]).toEqual([false, true, false])
  })
})

describe('truncate', () => {
  it('keeps the limit and never cuts a character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, limit) => {
        const cut = truncate(text, limit)
        expect(cut.length).toBeLessThanOrEqual(limit)
        expect(cut.isWellFormed()).toBe(true)
        expect(cut === text || (text.startsWith(cut.slice(0, -1)) && cut.endsWith('…'))).toBe(true)
      }),
    )
  })

  it('bounds the message of a condition', () => {
    const long = deriveConditions([], 1, { state: 'ready', reason: 'R', message: 'x'.repeat(99_999) }, NOON)
    expect(long.conditions[0]?.message).toHaveLength(MESSAGE_LIMIT)
  })
})

function readiness(): fc.Arbitrary<Readiness> {
  const reason = fc.constantFrom('Succeeded', 'Progressing', 'DependencyNotReady', 'OutOfMemory')
  const message = fc.string({ maxLength: 30 })
  const own = fc.record({
    type: fc.constantFrom('Available', 'Passed', 'Degraded', 'Suspended'),
    status: fc.constantFrom('True', 'False', 'Unknown'),
    reason,
    message,
    negative: fc.boolean(),
  })
  return fc.record({
    state: fc.constantFrom<ReadyState>('ready', 'reconciling', 'held', 'stalled'),
    reason,
    message,
    own: fc.uniqueArray(own, { selector: (condition) => condition.type, maxLength: 4 }),
  }) as fc.Arbitrary<Readiness>
}
