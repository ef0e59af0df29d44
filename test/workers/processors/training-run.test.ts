import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobPayload } from '../../../crds/jobs.ts'
import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import { openDataset } from '../../../workers/data/dataset-reader.ts'
import { ingestDataset } from '../../../workers/data/ingest.ts'
import { openRecommender } from '../../../workers/decoding/recommender.ts'
import type { ProcessorContext } from '../../../workers/processors/context.ts'
import { JobError } from '../../../workers/processors/job-error.ts'
import { processTrainingRun } from '../../../workers/processors/training-run.ts'
import { buildTokenizer } from '../../../workers/tokenizer/build.ts'
import { writeTokenizer } from '../../../workers/tokenizer/tokenizer.ts'
import { tinyTrainingSpec } from '../ranker/tiny-spec.ts'

type Spec = TrainingRun['spec']

const digestOf = (digit: number): string => `sha256:${String(digit).repeat(64)}`

let folder: string
let store: ArtifactStore
let inputs: Record<string, string>

const simulation = { users: 60, items: 30, interests: 4, interactionsPerUser: 8, driftPercent: 0, seed: 3 }
const runOf = (digit: number) => ({
  store,
  scratch: join(folder, `scratch-${digit}`),
  namespace: 'test',
  inputDigest: digestOf(digit),
  threads: 1,
})

const datasetOf = async (digit: number, seed: number): Promise<string> => {
  const spec = { source: { simulation: { ...simulation, seed } }, split: { strategy: 'LeaveOneOut' } } as const
  return (await ingestDataset({ minInteractionsPerUser: 1, ...spec }, runOf(digit))).artifact.digest
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-run-'))
  store = openFileStore(join(folder, 'store'))
  const digest = await datasetOf(1, 3)
  const dataset = await openDataset(await store.open(digest))
  const built = await buildTokenizer(dataset, {
    features: { text: { dimensions: 8, ngrams: 1, buckets: 512, weight: 1 } },
    levels: 2,
    codebookSize: 8,
    iterations: 5,
    collisions: 'Reassign',
    seed: 1,
  })
  const request = { kind: 'Tokenizer', inputDigest: digestOf(2), metadata: {} }
  const tokenizer = await store.publish(request, (directory) => writeTokenizer(directory, built, dataset))
  inputs = { dataset: digest, tokenizer: tokenizer.digest }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const spec: Spec = { ...tinyTrainingSpec, maxEpochs: 3, checkpointSteps: 3 }

const payloadOf = (digit: number, changed: Partial<Spec> = {}): JobPayload<Spec> => ({
  kind: 'TrainingRun',
  namespace: 'test',
  name: 'run',
  uid: 'uid',
  attempt: 1,
  inputDigest: digestOf(digit),
  engine: 'test',
  spec: { ...spec, ...changed },
  inputs,
})

const contextOf = (changed: Partial<ProcessorContext> = {}): ProcessorContext => {
  let time = 0
  return {
    store,
    scratch: folder,
    signal: new AbortController().signal,
    threads: 1,
    startToken: 'token',
    progress: async () => {},
    mayWrite: async () => {},
    log: { info: () => {}, warn: () => {} },
    now: () => (time += 1000),
    ...changed,
  }
}

const weightsOf = async (digest: string) => (await store.open(digest)).manifest.files

describe('a TrainingRun', () => {
  it('ends with the same artifact files when it is cut off and tried again', async () => {
    const whole = await processTrainingRun(payloadOf(3), contextOf())
    let steps = 0
    const cutOff = contextOf({
      progress: async ({ phase }) => {
        if (phase === 'Training' && ++steps === 8) throw new Error('killed')
      },
    })
    await expect(processTrainingRun(payloadOf(4), cutOff)).rejects.toThrow('killed')
    const checkpoint = await store.checkpoints('test', digestOf(4)).latest()
    expect(checkpoint?.step).toBe(6)
    const reports: number[] = []
    const resumed = await processTrainingRun(
      payloadOf(4),
      contextOf({ progress: async ({ step }) => void reports.push(step) }),
    )
    expect(reports[0]).toBe(7)
    expect(await weightsOf(resumed.artifact.digest)).toEqual(await weightsOf(whole.artifact.digest))
    expect(resumed.summary).toEqual(whole.summary)
  })

  it('gives a model that recommends what the history lacks', async () => {
    const { artifact, summary } = await processTrainingRun(payloadOf(5), contextOf())
    expect(summary.epochs).toBe(3)
    expect(summary.bestEpoch).toBeGreaterThanOrEqual(1)
    const recommender = await openRecommender(artifact.digest, { store, threads: 1, beamSize: 10 })
    try {
      expect(recommender.datasetDigest).toBe(inputs.dataset)
      expect(recommender.model.history).toHaveLength(3)
      const { itemCount, itemIds } = recommender.model
      expect(itemIds).toHaveLength(itemCount)
      const histories = [
        Uint32Array.of(1, 2, 3),
        new Uint32Array(0),
        Uint32Array.from({ length: itemCount - 2 }, (_, i) => i),
      ]
      const lists = await recommender.recommend(histories, 10)
      expect(lists.map(({ length }) => length)).toEqual([10, 10, 2])
      for (const [index, list] of lists.entries()) {
        expect(new Set(list).size).toBe(list.length)
        expect([...list].some((item) => histories[index].includes(item))).toBe(false)
      }
    } finally {
      await recommender.release()
    }
  })

  it('writes nothing once another worker holds the job', async () => {
    const mayWrite = async () => {
      throw new JobError('Superseded', 'another worker holds the job', { retryable: true })
    }
    await expect(processTrainingRun(payloadOf(6), contextOf({ mayWrite }))).rejects.toThrow('another worker')
    expect(await store.checkpoints('test', digestOf(6)).latest()).toBeUndefined()
  })

  it('stops at the next step when its signal is aborted', async () => {
    const controller = new AbortController()
    let reports = 0
    const progress = async () => {
      if (++reports === 2) controller.abort(new Error('cancelled by the operator'))
    }
    const run = processTrainingRun(payloadOf(7), contextOf({ signal: controller.signal, progress }))
    await expect(run).rejects.toThrow('cancelled by the operator')
    expect(reports).toBe(2)
  })

  it('is not tried again when its loss is not finite', async () => {
    const optimizer = { ...spec.optimizer, learningRate: '100000000000000000000', clipNorm: '0', schedule: 'Constant' }
    const run = processTrainingRun(payloadOf(8, { optimizer } as Partial<Spec>), contextOf())
    await expect(run).rejects.toMatchObject({ reason: 'Diverged', retryable: false })
  })

  it('refuses a tokenizer of another Dataset', async () => {
    const other = await datasetOf(9, 4)
    const payload = { ...payloadOf(9), inputs: { ...inputs, dataset: other } }
    await expect(processTrainingRun(payload, contextOf())).rejects.toMatchObject({
      reason: 'TokenizerOfOtherDataset',
      retryable: false,
    })
  })
})
