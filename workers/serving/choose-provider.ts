import { type ExecutionProvider, whatProviderLacks } from '../tensor/execution-provider.ts'
import type { ServingSpec } from './settings.ts'

/** Where decoding runs, and where it was to run. */
export interface Execution {
  readonly provider: ExecutionProvider
  readonly wanted: ExecutionProvider
  /** What keeps the wanted one from being used. */
  readonly missing?: string
}

/**
 * What is wanted, or the CPU where that is allowed to stand in.
 * @throws when the wanted provider cannot be had and may not be replaced; the message names what is missing
 */
export async function chooseProvider(
  { executionProvider: wanted, onMissingProvider }: Pick<ServingSpec, 'executionProvider' | 'onMissingProvider'>,
  log: { warn(message: string): void },
  lacks: typeof whatProviderLacks = whatProviderLacks,
): Promise<Execution> {
  const missing = await lacks(wanted)
  if (missing === undefined) return { provider: wanted, wanted }
  if (onMissingProvider === 'UseCPU') {
    log.warn(`${wanted} cannot be used, the CPU decodes instead: ${missing}`)
    return { provider: 'CPU', wanted, missing }
  }
  throw new Error(
    `spec.serving.executionProvider ${wanted} cannot be used: ${missing}; or set onMissingProvider: UseCPU, or executionProvider: CPU`,
  )
}
