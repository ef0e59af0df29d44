import { parseExposition, splitSeries } from './prometheus-text.ts'

/** Where a serving Pod decodes, and where it was to (workers/serving writes it). */
export interface SeenProvider {
  provider: string
  wanted: string
}

const metric = 'adloom_execution_provider_info'

/** Undefined where the Pod does not tell, as before it has loaded its model. */
export function readProvider(text: string): SeenProvider | undefined {
  const [series] = [...parseExposition(text, (name) => name === metric)].filter(([, value]) => value === 1)
  if (!series) return undefined
  const { provider, wanted } = splitSeries(series[0]).labels
  return provider === undefined || wanted === undefined ? undefined : { provider, wanted }
}
