import type { Condition, KubernetesObject } from '../../operator/cluster/objects.ts'

interface Judged {
  generation: number
  observedGeneration: number
  conditions: Condition[]
  negative: Condition[]
  ready: Condition | undefined
  reconciling: Condition | undefined
  stalled: Condition | undefined
}

const RULES: [code: string, broken: (status: Judged) => boolean][] = [
  ['FAIL0001 Ready=True beside a negative condition', (s) => isReady(s) && s.negative.some(isTrue)],
  ['FAIL0002 Ready is absent', (s) => !s.ready],
  ['FAIL0003 Reconciling=True without Ready=False', (s) => isTrue(s.reconciling) && s.ready?.status !== 'False'],
  ['FAIL0004 Stalled=True without Ready=False', (s) => isTrue(s.stalled) && s.ready?.status !== 'False'],
  ['FAIL0005 Reconciling and Stalled at once', (s) => s.reconciling !== undefined && s.stalled !== undefined],
  ['FAIL0006 observedGeneration is ahead of generation', (s) => s.observedGeneration > s.generation],
  ['FAIL0007 Ready=True for an old generation', (s) => isReady(s) && s.observedGeneration < s.generation],
  [
    'FAIL0008 Ready=True beside a condition of an old generation',
    (s) => isReady(s) && s.conditions.some((one) => (one.observedGeneration ?? 0) < s.generation),
  ],
  [
    'FAIL0009 Ready=True with unequal observedGenerations',
    (s) => isReady(s) && s.conditions.some((one) => one.observedGeneration !== s.observedGeneration),
  ],
  ['FAIL0011 Ready=Unknown without Reconciling=True', (s) => s.ready?.status === 'Unknown' && !isTrue(s.reconciling)],
  ['WARN0001 a negative condition is present though Ready', (s) => isReady(s) && s.negative.length > 0],
  ['WARN0002 Ready does not tell what is wrong', (s) => !isReady(s) && !copiesWrong(s)],
  ['WARN0003 Reconciling=False is kept', (s) => s.reconciling?.status === 'False'],
  ['WARN0004 Stalled=False is kept', (s) => s.stalled?.status === 'False'],
  ['WARN0005 a condition without observedGeneration', (s) => s.conditions.some((one) => !one.observedGeneration)],
]

/**
 * The rules of Flux's condition checker (fluxcd/pkg runtime/conditions/check) for a status at the end of a reconcile.
 *
 * @param negativeTypes the kind's own conditions of negative polarity, the most important first
 * @returns the rules that are broken
 */
export function lintConditions(object: KubernetesObject & { status?: object }, negativeTypes: string[] = []): string[] {
  const { observedGeneration = 0, conditions = [] } = (object.status ?? {}) as {
    observedGeneration?: number
    conditions?: Condition[]
  }
  const find = (type: string) => conditions.find((condition) => condition.type === type)
  const judged: Judged = {
    generation: object.metadata.generation ?? 0,
    observedGeneration,
    conditions,
    negative: [...negativeTypes, 'Reconciling', 'Stalled'].flatMap((type) => find(type) ?? []),
    ready: find('Ready'),
    reconciling: find('Reconciling'),
    stalled: find('Stalled'),
  }
  return RULES.filter(([, broken]) => broken(judged)).map(([code]) => code)
}

function isTrue(condition: Condition | undefined): boolean {
  return condition?.status === 'True'
}

function isReady(status: Judged): boolean {
  return isTrue(status.ready)
}

function copiesWrong({ ready, negative }: Judged): boolean {
  const wrong = negative.find(isTrue)
  if (!ready || !wrong || wrong.type === 'Reconciling' || wrong.type === 'Stalled') return true
  return ready.reason === wrong.reason && ready.message === wrong.message
}
