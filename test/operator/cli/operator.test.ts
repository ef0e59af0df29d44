import { expect, test } from 'vitest'
import { type OperatorCommand, podSettings } from '../../../operator/cli/operator.ts'

const command: OperatorCommand = {
  store: 'file:///store',
  image: 'adloom:1',
  leaseNamespace: 'adloom-system',
  leaderElect: true,
  healthHost: '127.0.0.1',
  healthPort: 0,
  resyncSeconds: 300,
}

test('Pods get what the flags say, and nothing where they say nothing', () => {
  expect(podSettings(command)).toEqual({
    image: 'adloom:1',
    storeUri: 'file:///store',
    environment: [],
    serviceAccounts: {},
  })
  const settings = podSettings({
    ...command,
    storeClaim: 'share',
    imagePullPolicy: 'Never',
    workerServiceAccount: 'adloom-worker',
    podEnv: ['AWS_REGION=eu-central-1', 'OPTIONS=a=b', 'EMPTY='],
  })
  expect(settings).toMatchObject({
    storeClaim: 'share',
    imagePullPolicy: 'Never',
    serviceAccounts: { worker: 'adloom-worker' },
    environment: [
      { name: 'AWS_REGION', value: 'eu-central-1' },
      { name: 'OPTIONS', value: 'a=b' },
      { name: 'EMPTY', value: '' },
    ],
  })
})

test('what cannot be is refused', () => {
  expect(() => podSettings({ ...command, podEnv: ['=x'] })).toThrow('is no NAME=VALUE')
  expect(() => podSettings({ ...command, store: 's3://bucket', storeClaim: 'share' })).toThrow(
    'goes with a file: store',
  )
})
