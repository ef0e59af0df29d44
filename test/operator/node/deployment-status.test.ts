import { describe, expect, it } from 'vitest'
import type { Deployment, DeploymentStatus } from '../../../operator/node/deployment.ts'
import { templateHash } from '../../../operator/node/deployment.ts'
import type { PlannedPod } from '../../../operator/node/deployment-plan.ts'
import { deploymentStatus, millisecondsLeft } from '../../../operator/node/deployment-status.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const pod = (templateHashOf: string, ready: boolean, deleting = false): PlannedPod => ({
  name: 'p',
  uid: 'p',
  templateHash: templateHashOf,
  ready,
  available: ready,
  deleting,
  createdAt: 0,
})

function deployment(generation: number, status?: DeploymentStatus, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', generation },
    spec: {
      replicas: 2,
      selector: {},
      template: { spec: { containers: [] } },
      progressDeadlineSeconds: 60,
      ...more,
    },
    ...(status && { status }),
  }
}

function observe(object: Deployment, pods: PlannedPod[], seconds: number): DeploymentStatus {
  return deploymentStatus(object, {
    pods,
    templateHash: 'b',
    maxUnavailable: 0,
    failure: undefined,
    now: start + seconds * 1000,
  })
}

const conditionOf = (status: DeploymentStatus, type: string) => status.conditions?.find((c) => c.type === type)

describe('the status of a Deployment', () => {
  it('counts what is there and what is missing', () => {
    const status = observe(deployment(3), [pod('a', true), pod('b', false), pod('a', true, true)], 0)
    expect(status).toMatchObject({
      observedGeneration: 3,
      replicas: 2,
      updatedReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      unavailableReplicas: 1,
    })
    expect(conditionOf(status, 'Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' })
  })

  it('gives a rollout its deadline from the last time that it got on, and no second life after it', () => {
    const pods = [pod('b', false), pod('b', false)]
    const first = observe(deployment(1), pods, 0)
    expect(conditionOf(first, 'Progressing')).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' })
    expect(millisecondsLeft(deployment(1), first, start)).toBe(60_000)
    const moved = observe(deployment(1, first), [pod('b', true), pod('b', false)], 50)
    expect(millisecondsLeft(deployment(1), moved, start + 50_000)).toBe(60_000)
    const waiting = observe(deployment(1, moved), [pod('b', true), pod('b', false)], 100)
    expect(waiting).toEqual(moved)
    const late = observe(deployment(1, waiting), [pod('b', true), pod('b', false)], 110)
    expect(conditionOf(late, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' })
    expect(observe(deployment(1, late), [pod('b', true), pod('b', false)], 500)).toEqual(late)
    const done = observe(deployment(1, late), [pod('b', true), pod('b', true)], 510)
    expect(conditionOf(done, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' })
  })

  it('starts no rollout when Pods are lost, and starts one with each new spec', () => {
    const done = observe(deployment(1), [pod('b', true), pod('b', true)], 0)
    const lost = observe(deployment(1, done), [pod('b', true)], 1000)
    expect(conditionOf(lost, 'Progressing')).toEqual(conditionOf(done, 'Progressing'))
    const renewed = observe(deployment(2, done), [pod('a', true), pod('a', true)], 1000)
    expect(conditionOf(renewed, 'Progressing')?.reason).toBe('ReplicaSetUpdated')
  })

  it('says when it is paused', () => {
    const status = observe(deployment(1, undefined, { paused: true }), [pod('a', true), pod('a', true)], 0)
    expect(conditionOf(status, 'Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' })
  })
})

describe('the template hash', () => {
  it('is one for one template, whatever the order of its keys', () => {
    const container = { name: 'a', image: 'x' }
    const reordered = { image: 'x', name: 'a' }
    const hash = templateHash({ metadata: { labels: { a: '1', b: '2' } }, spec: { containers: [container] } })
    expect(templateHash({ spec: { containers: [reordered] }, metadata: { labels: { b: '2', a: '1' } } })).toBe(hash)
    expect(templateHash({ spec: { containers: [container] } })).not.toBe(hash)
  })
})
