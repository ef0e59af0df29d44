import { type Evaluation, evaluation } from '../../../../crds/kinds/evaluation.ts'
import { processEvaluation } from '../../../../workers/processors/evaluation.ts'
import { contextIn, payloadOf, type World, withDefaults } from './small-world.ts'

/**
 * Measures a trained model without full ranking, unless the spec asks for it.
 * @param evaluator digest of the held-out judge
 */
export async function evaluateIn(world: World, model: string, spec: object, evaluator?: string) {
  const wanted = withDefaults<Evaluation['spec']>(evaluation.spec, {
    model: { digest: model },
    datasetRef: { name: 'market' },
    ranking: 'None',
    bootstrapSamples: 100,
    ...spec,
  })
  const inputs = { dataset: world.inputs.dataset, model, ...(evaluator === undefined ? {} : { evaluator }) }
  const payload = payloadOf('Evaluation', wanted, inputs)
  const { summary } = await processEvaluation(payload, contextIn(world))
  return { summary, values: Object.fromEntries(summary.metrics.map(({ name, value }) => [name, value])) }
}
