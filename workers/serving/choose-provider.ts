import { type ExecutionProvider, whatProviderLacks } from '../tensor/execution-provider.ts'
import type { ServingSpec } from './settings.ts'

/**
 * Where decoding runs: what is wanted, or the CPU where that is allowed to stand in.
 * @throws when the wanted provider cannot be had and may not be replaced; the message names what is missing
 */
export async function chooseProvider(
  { executionProvider: wanted, onMissingProvider }: Pick<ServingSpec, 'executionProvider' | 'onMissingProvider'>,
  log: { warn(message: string): void },
  lacks: typeof whatProviderLacks = whatProviderLacks,
): Promise<ExecutionProvider> {
  const lacking = await lacks(wanted)
  if (lacking === undefined) return wanted
  if (onMissingProvider === 'UseCPU') {
    log.warn(`${wanted} cannot be used, the CPU decodes instead: ${lacking}`)
    return 'CPU'
  }
  throw new Error(
    `spec.serving.executionProvider ${wanted} cannot be used: ${lacking}; or set onMissingProvider: UseCPU, or executionProvider: CPU`,
  )
}
