import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobPayload } from '../../../crds/jobs.ts'
import type { TokenizerBuild } from '../../../crds/kinds/tokenizer-build.ts'
import type { TrainingRun } from '../../../crds/kinds/training-run.ts'
import { openFileStore } from '../../../workers/artifacts/file-store.ts'
import type { ArtifactStore } from '../../../workers/artifacts/store.ts'
import { ingestDataset } from '../../../workers/data/ingest.ts'
import { openRecommender } from '../../../workers/decoding/recommender.ts'
import type { ProcessorContext } from '../../../workers/processors/context.ts'
import { processTokenizerBuild } from '../../../workers/processors/tokenizer-build.ts'
import { processTrainingRun } from '../../../workers/processors/training-run.ts'
import { openModel } from '../../../workers/ranker/model-artifact.ts'
import { inputOf } from '../artifacts/support.ts'
import { tinyTrainingSpec } from '../ranker/tiny-spec.ts'

type TrainingSpec = TrainingRun['spec']
type TokenizerSpec = TokenizerBuild['spec']

const policy = { workerPoolRef: { name: 'default' }, suspend: false, backoffLimit: 0 }
const tokenizerSpec: TokenizerSpec = {
  datasetRef: { name: 'd' },
  features: {
    text: { dimensions: 8, ngrams: 1, buckets: 512, weight: '1.0' },
    collaborative: { dimensions: 4, window: 3, weight: '1.0' },
  },
  algorithm: 'ResidualKMeans',
  levels: 2,
  codebookSize: 8,
  iterations: 5,
  collisions: 'Reassign',
  seed: 1,
  ...policy,
}
const trainingSpec: TrainingSpec = {
  ...tinyTrainingSpec,
  maxEpochs: 1,
  earlyStopping: { patienceEpochs: 0, validationUsers: 0 },
  checkpointSteps: 2,
}
/** Steps that change nothing: what is published is what training started from. */
const still = { optimizer: { ...trainingSpec.optimizer, learningRate: '0' } }

let folder: string
let store: ArtifactStore
let runs = 0

const payloadOf = <Spec>(kind: 'TrainingRun' | 'TokenizerBuild', spec: Spec, inputs: Record<string, string>) =>
  ({
    kind,
    namespace: 'ads',
    name: 'test',
    uid: 'uid',
    attempt: 1,
    inputDigest: inputOf(`run ${runs++}`),
    engine: 'test',
    spec,
    inputs,
  }) satisfies JobPayload<Spec>

interface Logged {
  readonly warnings: Record<string, unknown>[]
}

function contextOf(changed: Partial<ProcessorContext> = {}): ProcessorContext & Logged {
  const warnings: Record<string, unknown>[] = []
  let time = 0
  return {
    warnings,
    store,
    scratch: folder,
    signal: new AbortController().signal,
    threads: 1,
    startToken: 'token',
    progress: async () => {},
    mayWrite: async () => {},
    log: { info: () => {}, warn: (message, fields) => void warnings.push({ message, ...fields }) },
    now: () => (time += 1000),
    ...changed,
  }
}

const simulation = { users: 80, items: 30, interests: 4, interactionsPerUser: 8, driftPercent: 0, seed: 3 }

/** The same logs, users and items numbered by another seed. */
async function datasetNumberedBy(seed: number, items = simulation.items): Promise<string> {
  const spec = {
    source: { simulation: { ...simulation, items } },
    split: { strategy: 'LeaveOneOut' },
    minInteractionsPerUser: 1,
    seed,
  } as const
  const options = { store, scratch: join(folder, `scratch-${runs}`), namespace: 'ads', threads: 1 }
  return (await ingestDataset(spec, { ...options, inputDigest: inputOf(`dataset ${runs++}`) })).artifact.digest
}

async function tokenizerOf(dataset: string, reuse?: string): Promise<string> {
  const spec =
    reuse === undefined ? tokenizerSpec : { ...tokenizerSpec, reuse: { digest: reuse, maxUnseenItemsPercent: 0 } }
  const inputs = reuse === undefined ? { dataset } : { dataset, reuse }
  return (await processTokenizerBuild(payloadOf('TokenizerBuild', spec, inputs), contextOf())).artifact.digest
}

async function train(inputs: Record<string, string>, changed: Partial<TrainingSpec> = {}, context = contextOf()) {
  const { artifact, summary } = await processTrainingRun(
    payloadOf('TrainingRun', { ...trainingSpec, ...changed }, inputs),
    context,
  )
  return { digest: artifact.digest, summary, model: await openModel(await store.open(artifact.digest)) }
}

let inputs: { dataset: string; tokenizer: string }
let parent: Awaited<ReturnType<typeof train>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'warm-start-'))
  store = openFileStore(join(folder, 'store'))
  const dataset = await datasetNumberedBy(0)
  inputs = { dataset, tokenizer: await tokenizerOf(dataset) }
  parent = await train(inputs, { maxEpochs: 15, checkpointSteps: 1000 })
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Lists for histories of a few items, by item ids. */
async function listsOf(digest: string): Promise<string[][]> {
  const recommender = await openRecommender(digest, { store, threads: 1, beamSize: 30 })
  try {
    const { itemIds } = recommender.model
    const ids = [...itemIds].sort()
    const histories = [[], [0], [1, 2], [3, 4, 5], [9, 8, 7, 6]].map((places) =>
      Uint32Array.from(places, (place) => itemIds.indexOf(ids[place])),
    )
    const lists = await recommender.recommend(histories, 10)
    return lists.map((list) => Array.from(list, (item) => itemIds[item]))
  } finally {
    await recommender.release()
  }
}

describe('a TrainingRun with warmStart', () => {
  test('is in its first epoch where its parent ended, far ahead of a cold start after as many steps', async () => {
    const warm = await train({ ...inputs, parent: parent.digest })
    const cold = await train(inputs)
    expect(warm.summary.epochs).toBe(1)
    // It is a little above here; another CPU rounds otherwise.
    expect(warm.summary.validationNdcg).toBeGreaterThan(0.95 * (parent.summary.validationNdcg ?? Number.NaN))
    expect(warm.summary.validationNdcg).toBeGreaterThan(1.2 * (cold.summary.validationNdcg ?? Number.NaN))
    expect(warm.summary.trainingLoss).toBeLessThan(cold.summary.trainingLoss)
  })

  test('tells its lineage', async () => {
    const { digest, summary, model } = await train({ ...inputs, parent: parent.digest })
    expect(summary).toMatchObject({
      parent: parent.digest,
      warmStart: { takenParameters: summary.parameters, initialParameters: 0, newItems: 0 },
    })
    const { metadata } = (await store.open(digest)).manifest
    expect(metadata).toMatchObject({ parent: parent.digest, vocabulary: model.vocabulary, summary })
    expect(model.parent).toBe(parent.digest)
    expect((await store.open(parent.digest)).manifest.metadata).not.toHaveProperty('parent')
  })

  test('starts as its parent where items are numbered anew, and codebooks were reused', async () => {
    const dataset = await datasetNumberedBy(7)
    const tokenizer = await tokenizerOf(dataset, inputs.tokenizer)
    const child = await train({ dataset, tokenizer, parent: parent.digest }, still)
    expect(child.model.itemIds).not.toEqual(parent.model.itemIds)
    expect(await listsOf(child.digest)).toEqual(await listsOf(parent.digest))
  })

  test('goes on in the directions of content of its parent, though other items would give others', async () => {
    const dataset = await datasetNumberedBy(0, simulation.items - 4)
    const tokenizer = await tokenizerOf(dataset, inputs.tokenizer)
    const [child, alone] = [
      await train({ dataset, tokenizer, parent: parent.digest }, still),
      await train({ dataset, tokenizer }, still),
    ]
    const directionsOf = ({ model }: typeof parent) => model.catalogue.projection.directions
    expect(directionsOf(child)).toEqual(directionsOf(parent))
    expect(directionsOf(alone)).not.toEqual(directionsOf(parent))
  })

  test('ends with the same files when it is cut off and tried again', async () => {
    const run = payloadOf('TrainingRun', { ...trainingSpec, maxEpochs: 2 }, { ...inputs, parent: parent.digest })
    const whole = await processTrainingRun({ ...run, inputDigest: inputOf('whole') }, contextOf())
    let steps = 0
    const progress: ProcessorContext['progress'] = async ({ phase }) => {
      if (phase === 'Training' && ++steps === 5) throw new Error('killed')
    }
    await expect(processTrainingRun(run, contextOf({ progress }))).rejects.toThrow('killed')
    expect((await store.checkpoints('ads', run.inputDigest).latest())?.step).toBe(4)
    const resumed = await processTrainingRun(run, contextOf())
    const filesOf = async (digest: string) => (await store.open(digest)).manifest.files
    expect(await filesOf(resumed.artifact.digest)).toEqual(await filesOf(whole.artifact.digest))
    expect(resumed.summary).toEqual(whole.summary)
  })

  test('leaves what does not fit at its initial value, and says so in log and summary', async () => {
    const context = contextOf()
    const model = { ...trainingSpec.model, layers: 2, historyLength: 5 }
    const { summary } = await train({ ...inputs, parent: parent.digest }, { model, ...still }, context)
    expect(summary.warmStart?.initialParameters).toBeGreaterThan(0)
    expect(summary.warmStart?.takenParameters).toBeGreaterThan(0)
    expect(context.warnings).toContainEqual(
      expect.objectContaining({ otherSize: ['block.0.attention.distance'], otherVocabulary: [] }),
    )
  })

  test.each<[string, () => Partial<TrainingSpec>, () => Record<string, string>, string]>([
    [
      'a parent of another hidden size',
      () => ({ model: { ...trainingSpec.model, hiddenSize: 32 } }),
      () => ({ parent: parent.digest }),
      'WarmStartDoesNotFit',
    ],
    ['what is no model', () => ({}), () => ({ parent: inputs.tokenizer }), 'NotAModel'],
  ])('refuses %s', async (_, changed, more, reason) => {
    const running = train({ ...inputs, ...more() }, changed())
    await expect(running).rejects.toMatchObject({ reason, retryable: false })
  })
})
