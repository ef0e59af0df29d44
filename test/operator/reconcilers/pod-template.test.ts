import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  mergeOver,
  type Pod,
  podProblem,
  restrictedPodSpec,
  storeEnvironment,
} from '../../../operator/reconcilers/pod-template.ts'

const table: Record<string, [base: unknown, over: unknown, merged: unknown]> = {
  'nothing over something changes nothing': [{ a: 1 }, undefined, { a: 1 }],
  'fields merge': [{ a: 1, b: { c: 2 } }, { b: { d: 3 } }, { a: 1, b: { c: 2, d: 3 } }],
  'a value replaces a value': [{ a: 1 }, { a: 2 }, { a: 2 }],
  'containers merge by name': [
    { containers: [{ name: 'worker', image: 'ours', args: ['worker'] }] },
    { containers: [{ name: 'worker', image: 'theirs' }, { name: 'proxy' }] },
    { containers: [{ name: 'worker', image: 'theirs', args: ['worker'] }, { name: 'proxy' }] },
  ],
  'a variable is replaced as a whole': [
    {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] },
    {
      env: [
        { name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } },
        { name: 'B', value: '2' },
      ],
    },
  ],
  'a volume is replaced as a whole': [
    { volumes: [{ name: 'scratch', emptyDir: {} }] },
    { volumes: [{ name: 'scratch', persistentVolumeClaim: { claimName: 'fast' } }] },
    { volumes: [{ name: 'scratch', persistentVolumeClaim: { claimName: 'fast' } }] },
  ],
  'ports without names merge by number': [
    { ports: [{ name: 'http', containerPort: 8081 }] },
    { ports: [{ containerPort: 8081, hostPort: 80 }] },
    { ports: [{ name: 'http', containerPort: 8081, hostPort: 80 }] },
  ],
  'mounts merge by path': [
    { volumeMounts: [{ name: 'scratch', mountPath: '/a' }] },
    { volumeMounts: [{ name: 'data', mountPath: '/b' }] },
    {
      volumeMounts: [
        { name: 'scratch', mountPath: '/a' },
        { name: 'data', mountPath: '/b' },
      ],
    },
  ],
  'sources of variables are added, each once': [
    { envFrom: [{ secretRef: { name: 'ours', optional: true } }] },
    { envFrom: [{ secretRef: { optional: true, name: 'ours' } }, { configMapRef: { name: 'theirs' } }] },
    { envFrom: [{ secretRef: { name: 'ours', optional: true } }, { configMapRef: { name: 'theirs' } }] },
  ],
  'tolerations are added, also of the same taint': [
    { tolerations: [{ key: 'gpu', effect: 'NoSchedule' }] },
    { tolerations: [{ key: 'gpu', effect: 'NoExecute' }, { operator: 'Exists' }] },
    {
      tolerations: [{ key: 'gpu', effect: 'NoSchedule' }, { key: 'gpu', effect: 'NoExecute' }, { operator: 'Exists' }],
    },
  ],
  'a list of plain values is replaced': [{ args: ['a', 'b'] }, { args: ['c'] }, { args: ['c'] }],
  'a new list is added': [{}, { tolerations: [{ key: 'gpu' }] }, { tolerations: [{ key: 'gpu' }] }],
}

test.each(Object.entries(table))('%s', (_, [base, over, merged]) => {
  expect(mergeOver(base, over)).toEqual(merged)
})

const anyObject = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(fc.nat(3), fc.array(fc.nat(3))))

test('merging twice is merging once, and neither side is written to', () => {
  fc.assert(
    fc.property(anyObject, anyObject, (base, over) => {
      const copies = structuredClone([base, over])
      const once = mergeOver(base, over)
      expect(mergeOver(once, over)).toEqual(once)
      expect(mergeOver(base, base)).toEqual(base)
      expect([base, over]).toEqual(copies)
    }),
  )
})

test('a Pod keeps to the restricted Pod Security Standard and carries no token', () => {
  const parts = { name: 'worker', args: ['worker'], port: 8081, environment: [{ name: 'A', value: 'ours' }] }
  const settings = { image: 'image', storeUri: 'file:///store', environment: [{ name: 'B', value: 'added' }] }
  const spec = restrictedPodSpec(parts, settings)
  expect(spec).toMatchObject({
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'worker',
        image: 'image',
        args: ['worker'],
        env: expect.arrayContaining([
          { name: 'ADLOOM_STORE', value: 'file:///store' },
          { name: 'A', value: 'ours' },
          { name: 'B', value: 'added' },
        ]),
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  })
})

test('the store is reached with the Secret of the namespace where it is there, or as a service account', () => {
  const parts = { name: 'worker', args: ['worker'], port: 8081, environment: [] }
  const spec = restrictedPodSpec(parts, { image: 'image', storeUri: 's3://bucket/adloom', environment: [] })
  const envFrom = [{ secretRef: { name: 'adloom-store', optional: true } }]
  expect(spec).toMatchObject({ containers: [{ envFrom }] })
  const over = {
    serviceAccountName: 'ranker',
    containers: [{ name: 'worker', envFrom: [{ secretRef: { name: 'more' } }] }],
  }
  expect(mergeOver(spec, over)).toMatchObject({
    serviceAccountName: 'ranker',
    containers: [{ name: 'worker', envFrom: [...envFrom, { secretRef: { name: 'more' } }] }],
  })
})

test('of its own environment the operator hands on where the store is, and no credentials', () => {
  const environment = {
    AWS_ENDPOINT_URL_S3: 'http://minio.storage:9000',
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    ADLOOM_S3_PATH_STYLE: '',
  }
  expect(storeEnvironment(environment)).toEqual([
    { name: 'AWS_ENDPOINT_URL_S3', value: 'http://minio.storage:9000' },
    { name: 'AWS_REGION', value: 'eu-west-1' },
  ])
})

const ended = { exitCode: 1, reason: 'Error', message: '{"level":30}\nadloom serve: no CUDA here\n' }
const backOff = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }

const problems: Record<string, [container: object, problem: string | undefined]> = {
  'a container that waits for its next start has said why it ended': [
    { ready: false, state: backOff, lastState: { terminated: ended } },
    'ranker ended with exit code 1: adloom serve: no CUDA here',
  ],
  'so has one that has just ended': [
    { ready: false, state: { terminated: ended } },
    'ranker ended with exit code 1: adloom serve: no CUDA here',
  ],
  'and one that tries again': [
    { ready: false, state: { running: {} }, lastState: { terminated: ended } },
    'ranker ended with exit code 1: adloom serve: no CUDA here',
  ],
  'one that came back has no problem': [
    { ready: true, state: { running: {} }, lastState: { terminated: ended } },
    undefined,
  ],
  'one that said nothing is told by the node': [
    { ready: false, state: backOff, lastState: { terminated: { exitCode: 137 } } },
    'CrashLoopBackOff: back-off 10s',
  ],
  'an image that is missing now is the problem, whatever was before': [
    { ready: false, state: { waiting: { reason: 'ErrImagePull', message: 'no' } }, lastState: { terminated: ended } },
    'ErrImagePull: no',
  ],
  'one that is made is no problem': [{ ready: false, state: { waiting: { reason: 'ContainerCreating' } } }, undefined],
}

test.each(Object.entries(problems))('%s', (_, [container, problem]) => {
  const pod = { status: { containerStatuses: [{ name: 'ranker', ...container }] } } as unknown as Pod
  expect(podProblem(pod)).toBe(problem)
})
