import { describe, expect, test } from 'vitest'
import { restrictedPodSpec } from '../../operator/reconcilers/pod-template.ts'
import { podSecurityProblems, podSpecOf } from './pod-security.ts'

const right = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      name: 'one',
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    },
  ],
}
const own = right.containers[0]?.securityContext

describe('the check', () => {
  test('lets a Pod pass that keeps to the standard', () => {
    expect(podSecurityProblems(right)).toEqual([])
  })

  test.each([
    ['shares a namespace', { ...right, hostPID: true }],
    ['is of a type', { ...right, volumes: [{ name: 'x', hostPath: { path: '/' } }] }],
    ['may run as root', { ...right, securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
    ['runs as root', { ...right, securityContext: { ...right.securityContext, runAsUser: 0 } }],
    ['no seccomp profile', { ...right, securityContext: { runAsNonRoot: true } }],
    ['is privileged', { ...right, containers: [{ name: 'one', securityContext: { ...own, privileged: true } }] }],
    [
      'may gain',
      { ...right, containers: [{ name: 'one', securityContext: { ...own, allowPrivilegeEscalation: true } }] },
    ],
    [
      'may write',
      { ...right, containers: [{ name: 'one', securityContext: { ...own, readOnlyRootFilesystem: false } }] },
    ],
    ['keeps capabilities', { ...right, containers: [{ name: 'one', securityContext: { ...own, capabilities: {} } }] }],
    [
      'gets capabilities',
      {
        ...right,
        containers: [{ name: 'one', securityContext: { ...own, capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } } }],
      },
    ],
    ['port of the host', { ...right, containers: [{ name: 'one', securityContext: own, ports: [{ hostPort: 80 }] }] }],
    ['one keeps', { ...right, initContainers: [{ name: 'one', securityContext: { ...own, capabilities: {} } }] }],
  ])('finds a Pod that %s', (problem, pod) => {
    expect(podSecurityProblems(pod as Parameters<typeof podSecurityProblems>[0])).toEqual([
      expect.stringContaining(problem),
    ])
  })
})

test('worker and serving Pods keep to the standard, with a claim and keys of a store', () => {
  const spec = restrictedPodSpec(
    { name: 'worker', args: ['worker'], environment: [], port: 8081 },
    {
      image: 'adloom:test',
      storeUri: 'file:///var/lib/adloom/store',
      environment: [],
      imagePullPolicy: 'Never',
      storeClaim: 'share',
      storeSecret: 'keys',
      serviceAccounts: { worker: 'adloom-worker' },
    },
  )
  expect(podSecurityProblems(podSpecOf({ kind: 'Pod', spec }) ?? right)).toEqual([])
  expect(spec).toMatchObject({
    serviceAccountName: 'adloom-worker',
    securityContext: { fsGroup: 65532 },
    volumes: [{ name: 'scratch' }, { name: 'store', persistentVolumeClaim: { claimName: 'share' } }],
    containers: [
      {
        imagePullPolicy: 'Never',
        envFrom: [{ secretRef: { name: 'keys' } }],
        volumeMounts: [{ name: 'scratch' }, { name: 'store', mountPath: '/var/lib/adloom/store' }],
      },
    ],
  })
})
