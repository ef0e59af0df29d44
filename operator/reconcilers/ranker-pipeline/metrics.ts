import { Counter, Gauge, type Registry } from 'prom-client'
import { pipelineRunStates, pipelineTriggers } from '../../../crds/pipeline-status.ts'
import type { PipelineCounts } from './draft.ts'
import { reasons } from './readiness.ts'

/** `adloom_pipeline_*`: every label has a fixed set of values, however many pipelines there are. */
export class PipelineMetrics {
  readonly #started
  readonly #finished
  readonly #states: (() => readonly (string | undefined)[])[] = []

  private constructor(registry: Registry) {
    const registers = [registry]
    this.#started = new Counter({
      name: 'adloom_pipeline_run_triggers_total',
      help: 'What asked for the runs that were started; a run may have several triggers',
      labelNames: ['trigger'],
      registers,
    })
    this.#finished = new Counter({
      name: 'adloom_pipeline_runs_total',
      help: 'Runs by how they ended',
      labelNames: ['outcome'],
      registers,
    })
    for (const trigger of pipelineTriggers) this.#started.inc({ trigger }, 0)
    for (const outcome of pipelineRunStates) if (outcome !== 'Running') this.#finished.inc({ outcome }, 0)
    const known = Object.values(reasons)
    const states = () => this.#states.flatMap((read) => read())
    const gauge: Gauge = new Gauge({
      name: 'adloom_pipelines',
      help: 'Pipelines by the reason of their condition Ready',
      labelNames: ['state'],
      registers,
      collect() {
        const seen = states()
        for (const state of known) gauge.set({ state }, seen.filter((one) => one === state).length)
      },
    })
  }

  /** The one of a process: an operator of several namespaces watches each by itself. */
  static of(registry: Registry): PipelineMetrics {
    const known = ofRegistry.get(registry) ?? new PipelineMetrics(registry)
    ofRegistry.set(registry, known)
    return known
  }

  /** @param states the state of every pipeline, asked for at each scrape */
  watch(states: () => readonly (string | undefined)[]): this {
    this.#states.push(states)
    return this
  }

  count({ started, finished }: PipelineCounts): void {
    for (const trigger of started) this.#started.inc({ trigger })
    for (const outcome of finished) this.#finished.inc({ outcome })
  }
}

const ofRegistry = new WeakMap<Registry, PipelineMetrics>()
