// A stage of training as a loop of steps: fresh batches from the step's number alone, checkpoints, epochs. What it decides
// follows from its options and its state, so that a stage resumed from a checkpoint ends with the same bytes.

import { type AdamW, adamWDefaults } from '../tensor/optimizer.ts'
import { type Schedule, stepScalars } from '../tensor/schedules.ts'
import type { Session, Tensors } from '../tensor/session.ts'
import { freshState, type OptimizerState, TrainingState } from '../tensor/training-state.ts'

/** Numbers of one epoch by name: means over its steps, and what `epochEnded` adds. */
export type StageMetrics = Readonly<Record<string, number>>

export interface StageProgress {
  readonly optimizer: OptimizerState
  /** Step at which the epoch under way began. */
  readonly epochStart: number
  /** Sums over the steps of the epoch under way, by the name of the step's output. */
  readonly sums: Readonly<Record<string, number>>
  /** Of the epochs that are done. */
  readonly history: readonly StageMetrics[]
  /** State of the stage's own between steps (multipliers and the like). */
  readonly extra: Readonly<Record<string, readonly number[]>>
  readonly best: { readonly epoch: number; readonly score: number; readonly parameters: Float32Array } | undefined
}

export const stageStart = (parameters: Float32Array, extra: StageProgress['extra'] = {}): StageProgress => ({
  optimizer: freshState(parameters),
  epochStart: 0,
  sums: {},
  history: [],
  extra,
  best: undefined,
})

/** What the loop needs of the world. What any of these throws ends the stage. */
export interface StagePorts {
  /** After every step. */
  stepped(report: { step: number; totalSteps: number; epoch: number; metrics: StageMetrics }): Promise<void>
  /** After every step and what follows it; `snapshot` copies the state for a checkpoint. */
  settled(step: number, snapshot: () => StageProgress): Promise<void>
  epochEnded(epoch: number, metrics: StageMetrics): void
  /** Epochs after which the stage pauses, for stages that take turns; absent: at its end. */
  readonly pauseAfter?: number
}

export interface StepContext {
  /** From 1. */
  readonly epoch: number
  /** Of the epoch, from 0. */
  readonly index: number
  /** Of the stage, from 0. */
  readonly step: number
  /** As they are before the step; valid until it is taken. */
  readonly parameters: Float32Array
  readonly extra: StageProgress['extra']
}

export interface Stage {
  readonly epochs: number
  readonly stepsPerEpoch: number
  readonly schedule: Schedule
  readonly betas: AdamW['betas']
  /** The session of a `trainingStep` graph and its batch. */
  step(context: StepContext): Promise<{ readonly session: Session; readonly batch: Tensors }>
  /** The stage's own state after a step, from what the step put out. */
  afterStep?(context: Omit<StepContext, 'parameters'>, outputs: StageMetrics): StageProgress['extra']
  /**
   * Numbers to add to those of the epoch. With `score`, the epoch of the highest score is kept, and training ends after
   * `patience` epochs without a better one.
   */
  epochEnded?(epoch: number, parameters: Float32Array): Promise<StageMetrics>
  /** 0: never early. */
  readonly patience?: number
}

export interface StageResult {
  readonly parameters: Float32Array
  readonly history: readonly StageMetrics[]
  readonly extra: StageProgress['extra']
  /** The epoch that was kept, from 1. */
  readonly epoch: number
  /** Where it ended, or pauses. */
  readonly progress: StageProgress
}

export const stageBetas: AdamW['betas'] = [0.9, 0.98]
export const stageOptimizer = (weightDecay: number, clipNorm: number): AdamW => {
  const { clipNorm: _unclipped, ...defaults } = adamWDefaults
  const optimizer = { ...defaults, betas: stageBetas, weightDecay }
  return clipNorm === 0 ? optimizer : { ...optimizer, clipNorm }
}

/** A loss that is no number any more: more of the same cannot help. */
export class StageDivergedError extends Error {
  constructor(step: number) {
    super(`The loss was not finite at step ${step}: lower the learning rate of this stage, or set clipNorm`)
    this.name = 'StageDivergedError'
  }
}

const isOver = ({ history, best }: StageProgress, { epochs, patience = 0 }: Stage): boolean => {
  if (history.length >= epochs) return true
  return patience > 0 && best !== undefined && history.length - best.epoch >= patience
}

/** Runs the stage from `start` to its end. @throws StageDivergedError */
export async function runStage(stage: Stage, start: StageProgress, ports: StagePorts): Promise<StageResult> {
  const state = new TrainingState(start.optimizer)
  let progress: StageProgress = start
  const pauses = () => progress.history.length >= (ports.pauseAfter ?? Number.POSITIVE_INFINITY)
  while (!isOver(progress, stage) && !pauses()) {
    progress = await takeStep(stage, state, progress, ports)
    const settled = progress
    await ports.settled(state.step, () => ({ ...settled, optimizer: state.snapshot() }))
  }
  const { history, extra, best } = progress
  return {
    parameters: best?.parameters ?? state.parameters.slice(),
    history,
    extra,
    epoch: best?.epoch ?? history.length,
    progress: { ...progress, optimizer: state.snapshot() },
  }
}

async function takeStep(
  stage: Stage,
  state: TrainingState,
  progress: StageProgress,
  ports: StagePorts,
): Promise<StageProgress> {
  const epoch = progress.history.length + 1
  const index = state.step - progress.epochStart
  const context = { epoch, index, step: state.step, extra: progress.extra }
  const { session, batch } = await stage.step({ ...context, parameters: state.parameters })
  const scalars = stepScalars(stage.schedule, stage.betas, state.step + 1)
  const outputs = await state.advance(session, batch, scalars)
  if (!Number.isFinite(outputs.loss)) throw new StageDivergedError(state.step)
  const sums = Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, (progress.sums[name] ?? 0) + value]),
  )
  const extra = stage.afterStep?.(context, outputs) ?? progress.extra
  await ports.stepped({
    step: state.step,
    totalSteps: stage.epochs * stage.stepsPerEpoch,
    epoch,
    metrics: { loss: outputs.loss },
  })
  const next = { ...progress, sums, extra }
  return index + 1 === stage.stepsPerEpoch ? endEpoch(stage, state, next, ports) : next
}

async function endEpoch(
  stage: Stage,
  { parameters, step }: Pick<TrainingState, 'parameters' | 'step'>,
  progress: StageProgress,
  ports: StagePorts,
): Promise<StageProgress> {
  const epoch = progress.history.length + 1
  const means = Object.entries(progress.sums).map(([name, sum]) => [name, sum / stage.stepsPerEpoch])
  const added = (await stage.epochEnded?.(epoch, parameters)) ?? {}
  const metrics: StageMetrics = { ...Object.fromEntries(means), ...added }
  ports.epochEnded(epoch, metrics)
  const { score } = added
  const improved = score !== undefined && (progress.best === undefined || score > progress.best.score)
  return {
    ...progress,
    epochStart: step,
    sums: {},
    history: [...progress.history, metrics],
    best: improved ? { epoch, score, parameters: parameters.slice() } : progress.best,
  }
}
