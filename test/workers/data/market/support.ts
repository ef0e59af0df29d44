import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { marketSimulation } from '../../../../crds/market-simulation.ts'

interface Node {
  default?: unknown
  properties?: Record<string, Node>
}

/** What the API server fills in. */
function defaultsOf(node: Node): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(node.properties ?? {})) {
    if (field.default === undefined) continue
    fields[name] = field.properties ? defaultsOf(field) : field.default
  }
  return fields
}

/** A simulation with the defaults of the kind but for these fields. */
export function simulationOf(changes: Partial<MarketSimulation> = {}): MarketSimulation {
  return { ...(defaultsOf(marketSimulation as unknown as Node) as MarketSimulation), ...changes }
}
