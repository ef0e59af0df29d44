import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CommandContext, processSpec } from '../../../operator/node/container-command.ts'
import { type ConfigSource, containerEnvironment, expandReferences } from '../../../operator/node/environment.ts'
import { mountedPaths, prepareVolumes, substituteMounts } from '../../../operator/node/volumes.ts'
import { makePod, temporaryDirectory } from './support.ts'

const empty: ConfigSource = { secret: async () => undefined, configMap: async () => undefined }
const context: CommandContext = {
  environment: {},
  mounts: [],
  inherited: { PATH: '/bin', HOME: '/root' },
  commandAliases: { ranker: ['/usr/bin/node', '/app/main.ts'] },
  workingDirectory: '/app',
}

describe('expandReferences', () => {
  it.each([
    ['$(A)', 'one'],
    ['x$(A)$(B)y', 'xonetwoy'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$(C)', '$(C)'],
    ['$(toString)', '$(toString)'],
    ['$A ${A} $', '$A ${A} $'],
  ])('%s becomes %s', (text, wanted) => {
    expect(expandReferences(text, { A: 'one', B: 'two' })).toBe(wanted)
  })
})

describe('containerEnvironment', () => {
  const source: ConfigSource = {
    secret: async (name) => (name === 's' ? { K: Buffer.from('v') } : undefined),
    configMap: async (name) => (name === 'm' ? { A: Buffer.from('map'), B: Buffer.from('map') } : undefined),
  }
  const pod = makePod('p', [])
  pod.metadata.annotations = { b: 'x "y"', a: '1' }

  it('lets env win over envFrom and refer to what stands before', async () => {
    const container = {
      name: 'c',
      envFrom: [{ configMapRef: { name: 'm' } }, { prefix: 'S_', secretRef: { name: 's' } }],
      env: [
        { name: 'B', value: '$(A)/$(S_K)/$(LATER)' },
        { name: 'LATER', value: 'l' },
        { name: 'ALL', valueFrom: { fieldRef: { fieldPath: 'metadata.annotations' } } },
      ],
    }
    expect(await containerEnvironment(pod, container, '127.64.0.1', source)).toEqual({
      ADLOOM_LISTEN_HOST: '127.64.0.1',
      A: 'map',
      S_K: 'v',
      B: 'map/v/$(LATER)',
      LATER: 'l',
      ALL: 'a="1"\nb="x \\"y\\""',
    })
  })

  it.each([
    [{ secretKeyRef: { name: 's', key: 'none' } }, /Secret s has no key none/],
    [{ configMapKeyRef: { name: 'none', key: 'x' } }, /ConfigMap none does not exist; create it/],
    [{ fieldRef: { fieldPath: 'spec.unknown' } }, /fieldRef spec\.unknown is not known/],
    [{ resourceFieldRef: {} }, /env X: the local node reads/],
  ])('refuses %j', async (valueFrom, message) => {
    const container = { name: 'c', env: [{ name: 'X', valueFrom }] }
    await expect(containerEnvironment(pod, container, '127.64.0.1', source)).rejects.toThrow(message)
  })
})

describe('processSpec', () => {
  it('puts an alias, references and mounts in place', () => {
    const spec = processSpec(
      { name: 'c', command: ['ranker', 'serve'], args: ['--dir=/data', '$(MODE)'], workingDir: '/data/x' },
      { ...context, environment: { MODE: 'fast', HOME: '/data' }, mounts: [{ mountPath: '/data', source: '/real' }] },
    )
    expect(spec).toEqual({
      argv: ['/usr/bin/node', '/app/main.ts', 'serve', '--dir=/real', 'fast'],
      workingDirectory: '/real/x',
      environment: { PATH: '/bin', HOME: '/real', MODE: 'fast' },
    })
  })

  it('refuses a container that relies on its image', () => {
    expect(() => processSpec({ name: 'c', image: 'x', args: ['serve'] }, context)).toThrow(/set command/)
  })
})

describe('volumes', () => {
  it.each([
    ['/data', '/real'],
    ['/data/x', '/real/x'],
    ['file:///data/x', 'file:///real/x'],
    ['--dir=/data', '--dir=/real'],
    ['/data:/data/b', '/real:/real/b'],
    ['/database', '/database'],
    ['/x/data', '/x/data'],
    ['/data/deep/y', '/deeper/y'],
  ])('%s becomes %s', (text, wanted) => {
    const mounts = [
      { mountPath: '/data/deep', source: '/deeper' },
      { mountPath: '/data', source: '/real' },
    ]
    expect(substituteMounts(text, mounts)).toBe(wanted)
  })

  it('takes a hostPath at its own path only, leaves the token out, and refuses what a process cannot have', () => {
    const pod = makePod('p', [], {
      volumes: [
        { name: 'host', hostPath: { path: '/srv/data' } },
        { name: 'token', projected: { sources: [{ serviceAccountToken: {} }] } },
        { name: 'claim', persistentVolumeClaim: { claimName: 'x' } } as never,
        { name: 'scratch', emptyDir: {} },
      ],
    })
    const mounts = (name: string, mountPath: string, more: object = {}) =>
      mountedPaths(pod, { name: 'c', volumeMounts: [{ name, mountPath, ...more }] }, '/pods/1')
    expect(mounts('host', '/srv/data/')).toEqual([])
    expect(mounts('host', '/srv/data/sub', { subPath: 'sub' })).toEqual([])
    expect(() => mounts('host', '/data')).toThrow(/set mountPath to \/srv\/data/)
    expect(mounts('token', '/var/run/secrets')).toEqual([])
    expect(() => mounts('claim', '/x')).toThrow(/use a hostPath/)
    expect(() => mounts('none', '/x')).toThrow(/names no volume/)
    expect(mounts('scratch', '/tmp/x')).toEqual([{ mountPath: '/tmp/x', source: '/pods/1/volumes/scratch' }])
  })

  it('refuses a key whose path leaves the volume', async () => {
    const directory = await temporaryDirectory()
    const source: ConfigSource = { ...empty, secret: async () => ({ k: Buffer.from('v') }) }
    const items = [{ key: 'k', path: '../../outside' }]
    const pod = makePod('p', [], { volumes: [{ name: 's', secret: { secretName: 'x', items } }] })
    await expect(prepareVolumes(pod, join(directory, 'pod'), source)).rejects.toThrow(/leaves the volume/)
  })
})
