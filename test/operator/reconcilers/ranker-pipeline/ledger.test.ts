import { describe, expect, test } from 'vitest'
import {
  digestsInLedger,
  lineageLimit,
  statusFromLedger,
} from '../../../../operator/reconcilers/ranker-pipeline/ledger.ts'
import { sha, World } from './world.ts'

/** A pipeline with a past: two champions, the second of which failed online, and a run since that did not pass. */
function withPast(): World {
  const world = new World()
  world.train()
  world.revision = 'second'
  world.pass(60)
  world.train()
  world.pass(60)
  world.failOnline(world.status.champion?.digest ?? '')
  world.settle()
  world.revision = 'third'
  world.annotations = { retrain: 'a' }
  world.train({ passed: false })
  return world
}

const kept = ({ champion, lineage, rejected, lastRunNumber, trained, lastHandledRetrain }: World['status']) => ({
  champion,
  lineage,
  rejected,
  lastRunNumber,
  trained,
  lastHandledRetrain,
})

describe('a cluster that is built anew', () => {
  test('finds champion, lineage, rejected models and what was asked for in the ledger, and starts nothing', () => {
    const world = withPast()
    const before = kept(world.status)
    world.status = { observedGeneration: -1 }
    world.children = []
    world.followers = []
    world.settle()
    expect(kept(world.status)).toEqual(before)
    expect(world.states).toEqual([])
    expect(world.last?.readiness).toMatchObject({ state: 'ready', reason: 'Promoted' })
  })

  test('goes on counting its runs where it was', () => {
    const world = withPast()
    world.status = { observedGeneration: -1 }
    world.children = []
    world.revision = 'fourth'
    world.settle()
    expect(world.states).toEqual(['ads-4 Running'])
  })

  test('makes the run again that was on, and keeps the candidate that waited for a person', () => {
    const world = withPast()
    world.spec = { ...world.spec, promotion: { policy: 'Manual', requirePassed: true } }
    world.revision = 'fourth'
    world.settle()
    world.status = { observedGeneration: -1 }
    world.children = []
    world.train()
    expect(world.states).toEqual(['ads-4 AwaitingApproval'])
    const { candidate } = world.status
    world.status = { observedGeneration: -1 }
    world.children = []
    world.settle()
    expect(world.status.candidate).toEqual(candidate)
    expect(world.states).toEqual([])
    expect(digestsInLedger(world.ledger)).toContain(candidate?.digest)
    world.annotations = { promote: candidate?.digest ?? '' }
    world.settle()
    world.status = { observedGeneration: -1, lastHandledPromote: candidate?.digest ?? '' }
    world.settle()
    expect(world.states).toEqual([])
    expect(world.status.champion?.digest).toBe(candidate?.digest)
  })

  test('takes the champion before where the store has lost the last one', () => {
    const world = new World()
    world.train()
    world.revision = 'second'
    world.train()
    world.gone.add(world.status.champion?.digest ?? '')
    world.status = { observedGeneration: -1 }
    world.children = []
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
  })

  test('does not follow an approval a second time', () => {
    const world = new World()
    world.train()
    const first = world.status.champion?.digest ?? ''
    world.revision = 'second'
    world.train()
    const promotion = { policy: 'Manual' as const, requirePassed: true, approvedDigest: first }
    world.spec = { ...world.spec, promotion }
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-1')
    world.annotations = { promote: world.status.lineage?.[0]?.digest ?? '' }
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-2')
    world.status = { observedGeneration: -1, lastHandledPromote: world.annotations.promote ?? '' }
    world.settle()
    expect(world.status.champion?.trainingRun).toBe('ads-2')
  })
})

test('an entry that a crash made twice counts once', () => {
  const { ledger } = withPast()
  const twice = ledger.flatMap((entry) => [entry, entry])
  expect(statusFromLedger(twice, 'ads')).toEqual(statusFromLedger(ledger, 'ads'))
})

test('pipelines of one namespace do not see one another', () => {
  const { ledger } = withPast()
  expect(statusFromLedger(ledger, 'other')).toEqual({})
})

test('an entry of a kind that is not known is passed over', () => {
  const { ledger } = withPast()
  const more = [...ledger, { pipeline: 'ads', type: 'Celebrated', time: '2026-01-01T00:00:00Z' }]
  expect(statusFromLedger(more, 'ads')).toEqual(statusFromLedger(ledger, 'ads'))
})

test('what the collection of artifacts must leave are the champion and its lineage with their inputs', () => {
  const world = withPast()
  const models = [world.status.champion, ...(world.status.lineage ?? [])]
  expect(new Set(digestsInLedger(world.ledger))).toEqual(
    new Set(models.flatMap((model) => [model?.digest, model?.tokenizer, model?.dataset])),
  )
  expect(digestsInLedger(world.ledger)).toContain(sha('first'))
})

test('the lineage is bounded', () => {
  const world = new World()
  for (let revision = 0; revision < lineageLimit + 3; revision++) {
    world.revision = String(revision)
    world.train()
  }
  expect(world.status.lineage).toHaveLength(lineageLimit)
  expect(world.status.lineage?.[0]?.run).toBe(lineageLimit + 2)
})
