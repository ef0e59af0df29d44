import type { KindDefinition } from './kind.ts'
import { dataset } from './kinds/dataset.ts'
import { evaluation } from './kinds/evaluation.ts'
import { rankerDeployment } from './kinds/ranker-deployment.ts'
import { rankerPipeline } from './kinds/ranker-pipeline.ts'
import { tokenizerBuild } from './kinds/tokenizer-build.ts'
import { trainingRun } from './kinds/training-run.ts'
import { workerPool } from './kinds/worker-pool.ts'

/** Every kind, in the order in which a chain of them runs. */
export const kinds: readonly KindDefinition[] = [
  workerPool,
  dataset,
  tokenizerBuild,
  trainingRun,
  evaluation,
  rankerPipeline,
  rankerDeployment,
]
