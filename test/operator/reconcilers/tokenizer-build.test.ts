import { describe, expect, test } from 'vitest'
import type { TokenizerSummary } from '../../../crds/jobs.ts'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import type { KubernetesObject } from '../../../operator/cluster/objects.ts'
import { inputDigestOf, jobSpec, type RunKind } from '../../../operator/reconcilers/run/run-kind.ts'
import { tokenizerBuildRun } from '../../../operator/reconcilers/tokenizer-build.ts'
import { advertisingOf, datasetOf, digestOf, lookupIn, objectOf } from './support.ts'

type Reuse = Partial<NonNullable<TokenizerBuild['spec']['reuse']>>

const dataset = objectOf<KubernetesObject>('Dataset', 'logs', {}, { digest: digestOf('a') })
const buildOf = (name: string, reuse?: Reuse, digest?: string): TokenizerBuild =>
  objectOf(
    'TokenizerBuild',
    name,
    { datasetRef: { name: 'logs' }, levels: 4, ...(reuse && { reuse: { maxUnseenItemsPercent: 10, ...reuse } }) },
    digest === undefined ? {} : { digest },
  )
const from = (name: string): Reuse => ({ tokenizerRef: { name } })
const resolve = (build: TokenizerBuild, others: readonly KubernetesObject[] = []) =>
  tokenizerBuildRun.resolve(build, lookupIn([dataset, build, ...others]))

describe('the inputs of a TokenizerBuild', () => {
  test('are the Dataset, and the earlier tokenizer where one is named', () => {
    expect(resolve(buildOf('next'))).toEqual({ state: 'Ready', digests: { dataset: digestOf('a') } })
    const digests = { dataset: digestOf('a'), reuse: digestOf('b') }
    expect(resolve(buildOf('next', { digest: digestOf('b') }))).toEqual({ state: 'Ready', digests })
    const first = buildOf('first', undefined, digestOf('b'))
    expect(resolve(buildOf('next', from('first')), [first])).toEqual({ state: 'Ready', digests })
  })

  test('wait for an earlier tokenizer that is not Ready, unless it waits for this one', () => {
    const waitingFor = [{ kind: 'TokenizerBuild', name: 'first' }]
    expect(resolve(buildOf('next', from('first')), [buildOf('first')])).toMatchObject({ state: 'Waiting', waitingFor })
    expect(resolve(buildOf('next', from('first')), [buildOf('first', from('next'))])).toMatchObject({
      state: 'Invalid',
      message: expect.stringContaining('reuse.tokenizerRef'),
    })
  })

  test('follow the revision of the Dataset: a build that is made later codes the later one', () => {
    const changed = objectOf<KubernetesObject>('Dataset', 'logs', {}, { digest: digestOf('c') })
    const build = buildOf('next')
    expect(tokenizerBuildRun.resolve(build, lookupIn([changed, build]))).toMatchObject({
      digests: { dataset: digestOf('c') },
    })
  })
})

describe('a TokenizerBuild with creatives', () => {
  const build = objectOf<TokenizerBuild>('TokenizerBuild', 'tokens', { datasetRef: { name: 'logs' }, creatives: {} })
  const resolveOn = (advertising?: object, of = build) =>
    tokenizerBuildRun.resolve(of, lookupIn([datasetOf(digestOf('a'), advertising)]))

  test('is refused where the Dataset has none, before anything is launched', () => {
    expect(resolveOn(advertisingOf())).toMatchObject({ state: 'Ready' })
    expect(resolveOn()).toMatchObject({ state: 'Invalid', message: expect.stringContaining('no advertising tables') })
    expect(resolveOn(advertisingOf(['Creatives']))).toMatchObject({
      state: 'Invalid',
      message: expect.stringMatching(/no creatives, but spec\.creatives codes them.*spec\.advertising\.creatives/),
    })
    expect(resolveOn(undefined, buildOf('items-only'))).toMatchObject({ state: 'Ready' })
  })
})

test('the job is told the limit and not the name, and the limit decides the input digest', () => {
  const kind = tokenizerBuildRun as unknown as RunKind
  const named = buildOf('next', from('first'))
  expect(jobSpec(kind, named)).toEqual({ levels: 4, reuse: { maxUnseenItemsPercent: 10 } })
  const of = (build: TokenizerBuild) => inputDigestOf(kind, build, { reuse: digestOf('b') }, 'engine')
  expect(of(buildOf('next', { digest: digestOf('b') }))).toBe(of(named))
  expect(of(buildOf('next', { ...from('first'), maxUnseenItemsPercent: 20 }))).not.toBe(of(named))
})

test('status says whether codebooks were reused and why, and holds no measure of drift', () => {
  const summary: TokenizerSummary = {
    items: 5,
    levels: 2,
    collisionRate: 0,
    reconstructionError: 0.1,
    utilization: [1],
    codebooks: 'Reused',
    codebooksReason: 'FewUnseenItems',
    unseenItemsPercent: 2.5,
    creatives: {
      count: 7,
      levels: 3,
      collisionRate: 0.25,
      reconstructionError: 0.5,
      utilization: [1, 0.5],
      codebooks: 'Learned',
      codebooksReason: 'NothingToReuse',
    },
    codeShares: [0.5, 0.5],
  }
  const status = tokenizerBuildRun.describe(
    { digest: digestOf('e'), sizeBytes: 1, summary },
    { observedGeneration: 1 },
    0,
  )
  expect(status).toMatchObject({ codebooks: 'Reused', codebooksReason: 'FewUnseenItems', unseenItemsPercent: '2.500' })
  expect(status).not.toHaveProperty('codeShares')
  expect(status).toMatchObject({
    creatives: { count: 7, levels: 3, collisionRate: '0.2500', utilization: ['1.000', '0.5000'], codebooks: 'Learned' },
  })
})
