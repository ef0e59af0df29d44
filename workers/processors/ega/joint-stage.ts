// All stages at once, from the start (the single stage that the paper compares with): in each round every network learns
// for a while from what the others are by then. The generator is tuned as a whole, nothing is frozen, and no reward model
// has converged before it is used.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobPayload } from '../../../crds/jobs.ts'
import { digestOf } from '../../artifacts/digest.ts'
import type { Checkpoint } from '../../artifacts/store.ts'
import type { EgaModel } from '../../ranker/ega/ega-artifact.ts'
import {
  readStageCheckpoint,
  readStageResult,
  type StageOutcome,
  writeStageCheckpoint,
  writeStageResult,
} from '../../ranker/stage-files.ts'
import type { StageMetrics, StageProgress, StageResult } from '../../ranker/stage-training.ts'
import type { Spec } from '../staged/settings.ts'
import {
  type FinishedStage,
  portsOf,
  type StageHost,
  type StageJob,
  type StageName,
  trained,
} from '../staged/stages.ts'
import type { EgaInputs } from './inputs.ts'
import { allocationJob, paymentJob, pretrainJob, rewardJob } from './stage-jobs.ts'

type Network = keyof EgaModel['weights']
type Weights = { [Name in Network]: Float32Array | undefined }

/** Where each stage stands between two rounds. */
type Rounds = Partial<Record<StageName, StageProgress>>

const networks = ['generator', 'reward', 'payment'] as const
const networkOf: Partial<Record<StageName, Network>> = {
  pretrain: 'generator',
  reward: 'reward',
  allocation: 'generator',
  payment: 'payment',
}

export interface JointResult {
  readonly weights: Weights
  readonly stage: FinishedStage
}

/** As many rounds as the run has epochs. Resumes at the round that was interrupted. */
export async function runJointStage(
  payload: JobPayload<Spec>,
  inputs: EgaInputs,
  host: StageHost,
): Promise<JointResult> {
  const { context, namespace, engine } = host
  const { store } = context
  const inputDigest = digestOf({ stage: 'joint', spec: payload.spec, pinned: inputs.sources.pinned, engine })
  const found = await store.findByInput(namespace, inputDigest)
  if (found !== undefined) return readJoint(await store.open(found.digest), found.digest, true)
  const checkpoints = store.checkpoints(namespace, inputDigest)
  const checkpoint = await checkpoints.latest()
  let rounds: Rounds = checkpoint === undefined ? {} : await readRounds(checkpoint)
  let calibrated: Float32Array | undefined
  const total = payload.spec.maxEpochs
  for (let round = (checkpoint?.step ?? 0) + 1; round <= total; round++) {
    ;({ rounds, calibrated } = await runRound(payload, inputs, host, rounds, round))
    if (round === total) break
    const finished = rounds
    const fill = (directory: string) => writeRounds(directory, finished)
    await checkpoints.write(round, context.startToken, fill, () => context.mayWrite())
  }
  await context.mayWrite()
  const artifact = await store.publish(
    {
      kind: 'ModelStage',
      inputDigest,
      createdBy: { engine },
      metadata: { stage: 'joint' },
      provenance: { namespace, finishedAt: context.now() },
    },
    (directory) => writeJoint(directory, rounds, { ...weightsOf(rounds), reward: calibrated }, total),
  )
  await store.recordInput(namespace, inputDigest, artifact.digest)
  await checkpoints.remove()
  return readJoint(await store.open(artifact.digest), artifact.digest, false)
}

const weightsOf = (rounds: Rounds): Weights => ({
  generator: (rounds.allocation ?? rounds.pretrain)?.optimizer.parameters,
  reward: rounds.reward?.optimizer.parameters,
  payment: rounds.payment?.optimizer.parameters,
})

/** The stage's progress with other parameters: those that another stage has moved since. */
const withParameters = (progress: StageProgress, parameters: Float32Array | undefined): StageProgress =>
  parameters === undefined ? progress : { ...progress, optimizer: { ...progress.optimizer, parameters } }

/** Epochs of a stage in one round. */
const shareOf = (epochs: number, { maxEpochs }: Pick<Spec, 'maxEpochs'>): number =>
  Math.max(1, Math.round(epochs / maxEpochs))

async function runRound(
  payload: JobPayload<Spec>,
  inputs: EgaInputs,
  host: StageHost,
  before: Rounds,
  round: number,
): Promise<{ rounds: Rounds; calibrated: Float32Array | undefined }> {
  const { stages } = inputs
  const rounds: Rounds = { ...before }
  // What the reward model says is put right each time it is used, not while it learns.
  let calibrated: Float32Array | undefined
  const take = async (job: StageJob, epochs: number): Promise<void> => {
    const known = rounds[job.name] ?? (await job.start())
    const start = withParameters(known, networkOf[job.name] === 'generator' ? weightsOf(rounds).generator : undefined)
    const { progress, parameters } = await takeTurn(job, start, host, known.history.length + epochs)
    rounds[job.name] = progress
    if (job.name === 'reward') calibrated = parameters
    // Both move the generator: the one that stands still goes on from where the other has brought it.
    if (job.name === 'pretrain' && rounds.allocation !== undefined)
      rounds.allocation = withParameters(rounds.allocation, rounds.pretrain?.optimizer.parameters)
  }
  await take(pretrainJob(payload, inputs, host), 1)
  if (stages.reward !== undefined) {
    const epochs = shareOf(stages.reward.maxEpochs, payload.spec)
    const part = { ...stages.reward, maxEpochs: epochs * payload.spec.maxEpochs }
    await take(rewardJob(payload, { ...inputs, stages: { ...stages, reward: part } }, host), epochs)
  }
  const model = () => ({ model: { weights: { ...weightsOf(rounds), reward: calibrated } }, before: [] })
  const share = (requests: number) => Math.max(1, Math.ceil(requests / payload.spec.maxEpochs))
  if (stages.allocation !== undefined) {
    const part = {
      ...stages.allocation,
      requests: share(stages.allocation.requests),
      // Of all rounds: in each the stage goes on where it paused.
      maxEpochs: stages.allocation.maxEpochs * payload.spec.maxEpochs,
      trained: 'Full' as const,
      klWeight: '0',
    }
    const turn = { ...inputs, round, stages: { ...stages, allocation: part } }
    await take(allocationJob(payload, turn, host, model()), stages.allocation.maxEpochs)
  }
  if (stages.payment !== undefined) {
    const epochs = shareOf(stages.payment.maxEpochs, payload.spec)
    const part = {
      ...stages.payment,
      requests: share(stages.payment.requests),
      maxEpochs: epochs * payload.spec.maxEpochs,
    }
    const turn = { ...inputs, round, stages: { ...stages, payment: part } }
    await take(paymentJob(payload, turn, host, model()), epochs)
  }
  host.context.log.info('Ended a round', { round, of: payload.spec.maxEpochs })
  return { rounds, calibrated }
}

function takeTurn(job: StageJob, start: StageProgress, host: StageHost, pauseAfter: number): Promise<StageResult> {
  const train = (from: StageProgress) =>
    job.train(from, { ...portsOf(job.name, host.context, async () => {}), pauseAfter })
  return trained(job.name, () => train(start))
}

async function writeRounds(directory: string, rounds: Rounds): Promise<void> {
  for (const [name, progress] of Object.entries(rounds)) {
    await mkdir(join(directory, name))
    await writeStageCheckpoint(join(directory, name), progress)
  }
}

async function readRounds(checkpoint: Checkpoint): Promise<Rounds> {
  const names = new Set(checkpoint.files.map(({ path }) => path.split('/')[0] as StageName))
  const rounds: Rounds = {}
  for (const name of names)
    rounds[name] = await readStageCheckpoint({ readFile: (file) => checkpoint.readFile(`${name}/${file}`) })
  return rounds
}

async function writeJoint(directory: string, rounds: Rounds, weights: Weights, epoch: number): Promise<void> {
  for (const network of networks) {
    const parameters = weights[network]
    if (parameters === undefined) continue
    await mkdir(join(directory, network))
    await writeStageResult(join(directory, network), { parameters, history: historyOf(rounds, network), epoch })
  }
}

/** Metrics of all stages that move a network, epoch after epoch. */
const historyOf = (rounds: Rounds, network: Network): StageMetrics[] =>
  (Object.keys(networkOf) as StageName[])
    .filter((name) => networkOf[name] === network)
    .flatMap((name) => rounds[name]?.history ?? [])

async function readJoint(
  artifact: {
    readonly manifest: { readonly files: readonly { path: string }[] }
    readFile(file: string): Promise<Buffer>
  },
  digest: string,
  reused: boolean,
): Promise<JointResult> {
  const weights: Weights = { generator: undefined, reward: undefined, payment: undefined }
  const history: StageMetrics[] = []
  let generator: StageOutcome | undefined
  for (const network of networks) {
    if (!artifact.manifest.files.some(({ path }) => path.startsWith(`${network}/`))) continue
    const outcome = await readStageResult({ readFile: (file) => artifact.readFile(`${network}/${file}`) })
    weights[network] = outcome.parameters
    if (network === 'generator') generator = outcome
    history.push(...outcome.history)
  }
  if (generator === undefined) throw new Error(`Stage ${digest} has no generator`)
  return { weights, stage: { ...generator, name: 'joint', digest, reused, history, epoch: history.length } }
}
