import type { JobPayload, TrainingSummary } from '../../crds/jobs.ts'
import type { TrainingRun } from '../../crds/kinds/training-run.ts'
import { type Dataset, openDataset } from '../data/dataset-reader.ts'
import { Validation } from '../decoding/validation.ts'
import { type RankerShape, rankerLayout } from '../ranker/architecture.ts'
import { type Catalogue, openCatalogue } from '../ranker/catalogue.ts'
import { readCheckpoint, writeCheckpoint } from '../ranker/checkpoint.ts'
import { principalDirections } from '../ranker/content.ts'
import { modelKind, writeModelFiles } from '../ranker/model-artifact.ts'
import {
  DivergedError,
  initialProgress,
  progressFrom,
  Training,
  type TrainingOptions,
  type TrainingPorts,
  type TrainingResult,
} from '../ranker/training.ts'
import { openTokenizer, type Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ProcessorContext, ProcessorOutcome } from './context.ts'
import { JobError } from './job-error.ts'
import { rankerShape } from './ranker-shape.ts'
import { checkTokenizer } from './training-inputs.ts'
import { type Inheritance, inherit } from './warm-start.ts'

type Spec = TrainingRun['spec']

/** Milliseconds between two reports. */
const reportInterval = 500

const scheduleKinds = { Constant: 'constant', Cosine: 'cosine', InverseSquareRoot: 'inverseSquareRoot' } as const

/** Trains a ranker and publishes its best epoch; goes on from the newest checkpoint where there is one. */
export async function processTrainingRun(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { spec, inputs } = payload
  const dataset = await openDataset(await context.store.open(inputs.dataset))
  const tokenizer = await openTokenizer(await context.store.open(inputs.tokenizer))
  checkTokenizer(dataset, tokenizer)
  const options = trainingOptions(spec, tokenizer, context.threads)
  const { shape } = options
  const inherited =
    inputs.parent === undefined ? undefined : await inherit(inputs.parent, { spec, shape, dataset, tokenizer }, context)
  const { featureDimensions, contentDimensions: dimensions } = shape
  const directions = inherited?.directions ?? principalDirections(tokenizer.features, featureDimensions, dimensions)
  const catalogue = openCatalogue(tokenizer, { dimensions, directions })
  const validation = await Validation.create(dataset, catalogue, {
    ...options,
    users: spec.earlyStopping.validationUsers,
  })
  try {
    const result = await train(payload, context, { dataset, catalogue, options, validation, inherited })
    const { vocabulary } = tokenizer
    return await publish(payload, context, { dataset, catalogue, shape, result, vocabulary, inherited })
  } finally {
    await validation.release()
  }
}

function trainingOptions(spec: Spec, tokenizer: Tokenizer, threads: number): TrainingOptions {
  const { model, optimizer, earlyStopping, maxEpochs, seed } = spec
  return {
    shape: rankerShape(spec, tokenizer),
    regularization: { dropout: Number(model.dropout), labelSmoothing: Number(optimizer.labelSmoothing) },
    schedule: {
      kind: scheduleKinds[optimizer.schedule],
      peak: Number(optimizer.learningRate),
      warmupSteps: optimizer.warmupSteps,
    },
    weightDecay: Number(optimizer.weightDecay),
    clipNorm: Number(optimizer.clipNorm),
    batchSize: optimizer.batchSize,
    maxEpochs,
    patienceEpochs: earlyStopping.patienceEpochs,
    seed,
    threads,
  }
}

interface Task {
  readonly dataset: Dataset
  readonly catalogue: Catalogue
  readonly options: TrainingOptions
  readonly validation: Validation
  readonly inherited: Inheritance | undefined
}

async function train(payload: JobPayload<Spec>, context: ProcessorContext, task: Task): Promise<TrainingResult> {
  const checkpoints = context.store.checkpoints(payload.namespace, payload.inputDigest)
  const { dataset, catalogue, options, validation, inherited } = task
  if (validation.users === 0) context.log.warn('No user has a validation item: the last epoch is kept', {})
  const ports = portsOf(payload, context, validation)
  const training = new Training(options, catalogue, dataset, ports)
  const found = await checkpoints.latest()
  const first = inherited ? progressFrom(inherited.start.parameters) : initialProgress(options.shape, options.seed)
  const start = found === undefined ? first : await readCheckpoint(found)
  if (found !== undefined) context.log.info('Goes on from a checkpoint', { step: found.step })
  try {
    return await training.run(start)
  } catch (error) {
    if (error instanceof DivergedError)
      throw new JobError('Diverged', error.message, { retryable: false, cause: error })
    throw error
  }
}

function portsOf(payload: JobPayload<Spec>, context: ProcessorContext, validation: Validation): TrainingPorts {
  const { spec } = payload
  const checkpoints = context.store.checkpoints(payload.namespace, payload.inputDigest)
  let reported = Number.NEGATIVE_INFINITY
  let last = { step: 0, totalSteps: 1, metrics: {} as Record<string, number> }
  let validated: Record<string, number> = {}
  const report = async (phase: string): Promise<void> => {
    context.signal.throwIfAborted()
    if (context.now() - reported < reportInterval) return
    reported = context.now()
    await context.progress({
      phase,
      step: last.step,
      totalSteps: last.totalSteps,
      metrics: { ...last.metrics, ...validated },
    })
  }
  return {
    validate: (parameters) => validation.measure(parameters, () => report('Validation')),
    stepped: async ({ step, totalSteps, epoch, loss }) => {
      last = { step, totalSteps, metrics: { epoch, loss } }
      await report('Training')
    },
    settled: async (step, snapshot) => {
      if (step % spec.checkpointSteps !== 0) return
      const fill = (directory: string) => writeCheckpoint(directory, snapshot())
      await checkpoints.write(step, context.startToken, fill, () => context.mayWrite())
    },
    epochEnded: ({ epoch, trainingLoss, validationNdcg, validationRecall }) => {
      validated = { trainingLoss, validationNdcg, validationRecall }
      context.log.info('Ended an epoch', { epoch, ...validated })
    },
  }
}

interface Trained {
  readonly dataset: Dataset
  readonly catalogue: Catalogue
  readonly shape: RankerShape
  readonly result: TrainingResult
  readonly vocabulary: string | undefined
  readonly inherited: Inheritance | undefined
}

async function publish(
  payload: JobPayload<Spec>,
  context: ProcessorContext,
  { dataset, catalogue, shape, result, vocabulary, inherited }: Trained,
): Promise<ProcessorOutcome<TrainingSummary>> {
  const { bestEpoch, history, parameters } = result
  const best = history.find(({ epoch }) => epoch === bestEpoch)
  const summary: TrainingSummary = {
    epochs: history.length,
    bestEpoch,
    trainingLoss: best?.trainingLoss ?? 0,
    validationNdcg: best?.validationNdcg ?? 0,
    parameters: rankerLayout(shape).size,
    ...(inherited && lineageOf(inherited)),
  }
  const parent = inherited && { parent: inherited.parent }
  const description = {
    schemaVersion: 1,
    architecture: 'DecoderOnly',
    shape,
    itemCount: catalogue.itemCount,
    datasetDigest: dataset.digest,
    tokenizerDigest: payload.inputs.tokenizer,
    vocabulary,
    ...parent,
    bestEpoch,
    history,
  } as const
  await context.mayWrite()
  const artifact = await context.store.publish(
    {
      kind: modelKind,
      inputDigest: payload.inputDigest,
      createdBy: { engine: payload.engine },
      metadata: {
        datasetDigest: dataset.digest,
        tokenizerDigest: payload.inputs.tokenizer,
        ...(vocabulary === undefined ? {} : { vocabulary }),
        ...parent,
        summary: { ...summary },
      },
      provenance: { namespace: payload.namespace, name: payload.name, finishedAt: context.now() },
    },
    (directory) => writeModelFiles(directory, { description, parameters, items: catalogue, itemIds: dataset.itemIds }),
  )
  context.log.info('Trained a model', { ...summary, digest: artifact.digest })
  return { artifact: { digest: artifact.digest, sizeBytes: artifact.sizeBytes }, summary }
}

function lineageOf({ parent, start }: Inheritance): Pick<TrainingSummary, 'parent' | 'warmStart'> {
  const { takenParameters, initialParameters, newItems } = start
  return { parent, warmStart: { takenParameters, initialParameters, newItems } }
}
