import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readSettings } from '../../../workers/serving/settings.ts'

const environment = {
  ADLOOM_NAME: 'feed',
  ADLOOM_MODEL: 'sha256:1',
  ADLOOM_REVISION: 'r1',
  ADLOOM_STORE: 'file:///store',
  POD_IP: '127.0.0.7',
}

describe('settings', () => {
  it('are those of the Pod, with the defaults of the kind', () => {
    expect(readSettings({ ...environment, ADLOOM_SERVING: '{"port":9000,"threads":3}' })).toEqual({
      name: 'feed',
      digest: 'sha256:1',
      revision: 'r1',
      storeUri: 'file:///store',
      host: '127.0.0.7',
      threads: 3,
      serving: {
        port: 9000,
        beamSize: 50,
        maxBatchSize: 32,
        maxBatchDelayMilliseconds: 2,
        maxQueueLength: 1024,
        requestTimeoutMilliseconds: 5000,
        threads: 3,
      },
    })
  })

  it('decode with all CPUs and listen on loopback when nothing else is said', () => {
    const { threads, host } = readSettings({ ...environment, POD_IP: undefined })
    expect([threads, host]).toEqual([availableParallelism(), '127.0.0.1'])
  })

  it('refuse what is missing or out of range, and name it', () => {
    expect(() => readSettings({ ...environment, ADLOOM_MODEL: undefined })).toThrow('ADLOOM_MODEL')
    expect(() => readSettings({ ...environment, ADLOOM_SERVING: '{"beamSize":0}' })).toThrow('/beamSize must be >= 1')
    expect(() => readSettings({ ...environment, ADLOOM_SERVING: '{' })).toThrow('ADLOOM_SERVING')
  })
})
