import { digest, type KindExample, refusedModelsIn } from './kind-example.ts'

const steps = (...given: object[]) => ({ rollout: { steps: given } })
const metric = (fields: Record<string, unknown>) =>
  steps({ analysis: { metrics: [{ name: 'metric', type: 'ErrorRate', max: '0.01', ...fields }] } })
const prometheus = { url: 'http://prometheus:9090', query: 'up' }
const oneNumber = 'are one number: bound them by max and min'
const scaled = (minReplicas: number, maxReplicas: number) => ({
  autoscaling: { minReplicas, maxReplicas, targetCpuUtilizationPercent: 70 },
})
const oneStep = 'give exactly one of setWeight, pause and analysis'

export const rankerDeploymentExample: KindExample = {
  spec: { model: { trainingRunRef: { name: 'run' } } },
  refused: [
    ...refusedModelsIn('model', 'give exactly one of trainingRunRef, digest and pipelineRef'),
    { change: steps({}), message: oneStep },
    { change: steps({ setWeight: 10, pause: {} }), message: oneStep },
    { change: steps({ analysis: { metrics: [] } }), message: 'an analysis needs at least one metric' },
    { change: metric({ max: undefined }), message: 'give at least one of max, min' },
    { change: metric({ min: '0.1' }), message: 'min must not exceed max' },
    { change: metric({ type: 'Prometheus' }), message: 'prometheus goes with type Prometheus' },
    { change: metric({ prometheus }), message: 'prometheus goes with type Prometheus' },
    { change: metric({ type: 'Prometheus', prometheus, maxDifferenceToStable: '0' }), message: oneNumber },
    { change: metric({ type: 'ScoreDistribution', minRelativeToStable: '1' }), message: oneNumber },
    { change: { rollout: { shadow: { percent: 10 } } }, message: 'shadow needs steps' },
    { change: { accelerator: {} }, message: 'an accelerator goes with serving.executionProvider CUDA' },
    {
      change: { serving: { auction: { alpha: '0.0', beta: '0' } } },
      message: 'alpha and beta must not both be 0: no bid would weigh anything; set one of them above 0',
    },
    {
      change: { serving: { beamSize: 64, auction: {} } },
      message:
        'a model with an auction has no beam of items, its lists are bounded by auction.candidateLists: leave out beamSize',
    },
    { change: { ...scaled(1, 2), replicas: 2 }, message: 'give replicas or autoscaling' },
    { change: scaled(3, 2), message: 'minReplicas must not exceed maxReplicas' },
    {
      change: { autoscaling: { maxReplicas: 2 } },
      message: 'give at least one of targetCpuUtilizationPercent and targetRequestsInFlight',
    },
  ],
  accepted: [
    { model: { digest }, evaluationRef: { name: 'evaluation' } },
    { model: { pipelineRef: { name: 'pipeline' } } },
    steps({ setWeight: 0 }, { pause: {} }, { setWeight: 100 }, { pause: { durationSeconds: 1 } }),
    metric({ min: '0.01', maxDifferenceToStable: '-0.1', minRelativeToStable: '0.9' }),
    metric({ type: 'Prometheus', prometheus }),
    { rollout: { shadow: { percent: 10 }, steps: [{ setWeight: 5 }] } },
    { serving: { beamSize: 64 } },
    { serving: { auction: { alpha: '0', candidateLists: 64 } } },
    { serving: { auction: { alpha: '0', beta: '0.000001' } } },
    { serving: { executionProvider: 'CUDA' }, accelerator: { tolerations: [{ operator: 'Exists' }] } },
    { serving: { executionProvider: 'CUDA', onMissingProvider: 'UseCPU' } },
    scaled(2, 2),
    { autoscaling: { maxReplicas: 1, targetRequestsInFlight: 8 } },
    { serving: { auction: { budgets: { periodSeconds: 3600, datasetPeriods: 24 } } } },
  ],
}
