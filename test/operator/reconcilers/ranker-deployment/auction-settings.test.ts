import { describe, expect, it } from 'vitest'
import type { RankerDeployment } from '../../../../crds/kinds/ranker-deployment.ts'
import type { KubernetesObject } from '../../../../operator/cluster/objects.ts'
import {
  auctionCondition,
  auctionHold,
  auctionProgress,
  liveSettingsOf,
  podServing,
} from '../../../../operator/reconcilers/ranker-deployment/auction-settings.ts'
import { buildDeployment, revisionOf } from '../../../../operator/reconcilers/ranker-deployment/children.ts'
import { readAuctionSettings, type SeenAuctionSettings } from '../../../../operator/rollout/auction-settings.ts'
import { revisionOf as settingsRevision } from '../../../../workers/artifacts/digest.ts'

type Auction = RankerDeployment['spec']['serving']['auction']

const rankerWith = (auction?: Auction) =>
  ({
    apiVersion: 'adloom.dev/v1alpha1',
    kind: 'RankerDeployment',
    metadata: { name: 'feed', namespace: 'shop', uid: 'uid' },
    spec: { model: {}, serving: { port: 8080, ...(auction ? { auction } : {}) } },
  }) as unknown as RankerDeployment

const settings = { image: 'adloom:1', storeUri: 'file:///store', environment: [] }
const built = (auction?: Auction): KubernetesObject =>
  buildDeployment(rankerWith(auction), { track: 'stable', model: 'sha256:1' }, settings)

describe('the template of the Pods', () => {
  it('is the same whatever the live settings are, and whether there are any', () => {
    const none = built()
    expect(built({})).toEqual(none)
    expect(built({ alpha: '1.2', paymentRule: 'GSP', slotReserves: ['1'] })).toEqual(none)
    expect(revisionOf(rankerWith({ alpha: '2' }), 'sha256:1')).toBe(revisionOf(rankerWith(), 'sha256:1'))
  })

  it('is another one for another number of candidate lists, which shapes the graph', () => {
    const wide = built({ alpha: '1.2', candidateLists: 64 })
    expect(wide).not.toEqual(built({ alpha: '1.2' }))
    expect(JSON.stringify(wide)).toContain('\\"candidateLists\\":64')
    expect(wide).toEqual(built({ alpha: '3', candidateLists: 64 }))
  })

  it.each(['stable', 'canary'] as const)('of %s mounts the ConfigMap, which need not be there', (track) => {
    expect(buildDeployment(rankerWith(), { track, model: 'sha256:1' }, settings)).toMatchObject({
      spec: {
        template: {
          spec: {
            volumes: expect.arrayContaining([
              { name: 'auction', configMap: { name: 'feed-auction', optional: true } },
            ]) as unknown,
          },
        },
      },
    })
  })
})

it('what stands in the template and what is live make the whole', () => {
  const auction = { alpha: '1', candidateLists: 8 }
  expect(podServing(rankerWith(auction).spec.serving).auction).toEqual({ candidateLists: 8 })
  expect(liveSettingsOf(rankerWith(auction))).toEqual({ alpha: '1' })
  expect(liveSettingsOf(rankerWith())).toEqual({})
})

it('a Pod tells what it has taken and what it refuses', () => {
  const text = `# TYPE adloom_auction_settings_info gauge
adloom_auction_settings_info{revision="aa"} 1
adloom_auction_settings_refused{revision="bb",reason="NoPaymentNetwork"} 1
adloom_rank_lists_total 5
`
  expect(readAuctionSettings(text)).toEqual({
    revision: 'aa',
    refused: { revision: 'bb', reason: 'NoPaymentNetwork' },
  })
  expect(readAuctionSettings('adloom_rank_lists_total 5\n')).toEqual({})
})

describe('the way of the settings', () => {
  const ranker = rankerWith({ alpha: '2' })
  const wanted = settingsRevision({ alpha: '2' })
  const taken = { revision: wanted }
  const before = { revision: 'before' }
  const refusing = { ...before, refused: { revision: wanted, reason: 'NoAuction' } }
  const formerlyRefusing = { ...taken, refused: { revision: 'before', reason: 'NoAuction' } }
  const cases: [string, (SeenAuctionSettings | undefined)[], string | undefined, string, string | undefined][] = [
    ['no Pod is ready', [], undefined, 'AuctionSettingsPending', 'reconciling'],
    ['one was not asked yet', [taken, undefined], undefined, 'AuctionSettingsPending', 'reconciling'],
    ['one has those before', [taken, before], undefined, 'AuctionSettingsPending', 'reconciling'],
    ['all have those before', [before, before], 'before', 'AuctionSettingsPending', 'reconciling'],
    ['one refuses them', [taken, refusing], undefined, 'AuctionSettingsRefused', 'stalled'],
    ['all have them', [taken, formerlyRefusing], wanted, 'AllPods', undefined],
  ]
  it.each(cases)('where %s', (_, pods, served, reason, state) => {
    const progress = auctionProgress(ranker, pods)
    expect([progress.wanted, progress.served]).toEqual([wanted, served])
    expect(auctionCondition(progress).reason).toBe(reason)
    expect(auctionHold(progress)?.state).toBe(state)
  })
})
