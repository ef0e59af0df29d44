import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readSettings } from '../../../workers/serving/settings.ts'

const environment = {
  ADLOOM_NAMESPACE: 'shop',
  ADLOOM_NAME: 'feed',
  POD_NAME: 'feed-1',
  ADLOOM_SCRATCH: '/scratch',
  ADLOOM_MODEL: 'sha256:1',
  ADLOOM_REVISION: 'r1',
  ADLOOM_STORE: 'file:///store',
  ADLOOM_LISTEN_HOST: '127.0.0.7',
}

describe('settings', () => {
  it('are those of the Pod, with the defaults of the kind', () => {
    expect(readSettings({ ...environment, ADLOOM_SERVING: '{"port":9000,"threads":3}' })).toEqual({
      namespace: 'shop',
      name: 'feed',
      pod: 'feed-1',
      scratch: '/scratch',
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
        executionProvider: 'CPU',
        onMissingProvider: 'Fail',
      },
    })
  })

  it('decode with all CPUs and listen on loopback when nothing else is said', () => {
    const { threads, host } = readSettings({ ...environment, ADLOOM_LISTEN_HOST: undefined })
    expect([threads, host]).toEqual([availableParallelism(), '127.0.0.1'])
  })

  const feedback = { tokenSecretRef: { name: 'feed-events', key: 'token' } }
  const withFeedback = { ...environment, ADLOOM_SERVING: JSON.stringify({ feedback }) }

  it('take the token of events from the Secret, and refuse an empty one rather than let everybody in', () => {
    expect(readSettings({ ...withFeedback, ADLOOM_EVENTS_TOKEN: 'secret\n' }).eventsToken).toBe('secret')
    for (const token of [undefined, '', ' \n'])
      expect(() => readSettings({ ...withFeedback, ADLOOM_EVENTS_TOKEN: token })).toThrow(
        'give key token of Secret feed-events a value',
      )
    expect(readSettings({ ...environment, ADLOOM_EVENTS_TOKEN: 'unasked' }).eventsToken).toBeUndefined()
  })

  it('have the defaults of feedback and exploration where these are asked for', () => {
    const asked = { feedback: {}, exploration: { temperature: '0.5' } }
    expect(readSettings({ ...environment, ADLOOM_SERVING: JSON.stringify(asked) }).serving).toMatchObject({
      feedback: {
        history: 'Digest',
        rotateSeconds: 60,
        maxFileBytes: 67_108_864,
        maxQueueLength: 10_000,
        recentEntries: 200_000,
      },
      exploration: { temperature: '0.5', sharePercent: 10 },
    })
  })

  it.each(['0', '0.0', '000', '.5', '-1', '1e3', '', '1.', '0.'])('refuse the temperature %j', (temperature) => {
    const text = JSON.stringify({ exploration: { temperature } })
    expect(() => readSettings({ ...environment, ADLOOM_SERVING: text })).toThrow('/exploration/temperature')
  })

  it.each(['1', '0.5', '10', '00.01', '2.50', '101'])('take the temperature %j', (temperature) => {
    const text = JSON.stringify({ exploration: { temperature } })
    expect(readSettings({ ...environment, ADLOOM_SERVING: text }).serving.exploration?.temperature).toBe(temperature)
  })

  it('refuse what is missing or out of range, and name it', () => {
    expect(() => readSettings({ ...environment, ADLOOM_MODEL: undefined })).toThrow('ADLOOM_MODEL')
    expect(() => readSettings({ ...environment, ADLOOM_SERVING: '{"beamSize":0}' })).toThrow('/beamSize must be >= 1')
    expect(() => readSettings({ ...environment, ADLOOM_SERVING: '{' })).toThrow('ADLOOM_SERVING')
  })
})
