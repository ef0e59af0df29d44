import { describe, expect, test } from 'vitest'
import { runPolicyFields } from '../../../../crds/run.ts'
import { datasetRun } from '../../../../operator/reconcilers/dataset.ts'
import { evaluationRun } from '../../../../operator/reconcilers/evaluation.ts'
import { inputDigestOf, jobSpec, type RunKind, type RunObject } from '../../../../operator/reconcilers/run/run-kind.ts'
import { tokenizerBuildRun } from '../../../../operator/reconcilers/tokenizer-build.ts'
import { trainingRunRun } from '../../../../operator/reconcilers/training-run.ts'

/** Each kind gives its life cycle functions of its own objects, which only it calls. */
const kinds = [datasetRun, tokenizerBuildRun, trainingRunRun, evaluationRun] as unknown as RunKind[]

/** Fields that change when work is done, how often, or by whom; a name stands for a digest among the inputs. */
const withoutEffect = (kind: RunKind): Set<string> =>
  new Set([...runPolicyFields, ...kind.referenceFields, ...(kind.jobKind === 'TrainingRun' ? ['checkpointSteps'] : [])])

const fieldsOf = (kind: RunKind): string[] => Object.keys(kind.definition.spec.properties)

const objectOf = (kind: RunKind, change: Record<string, unknown> = {}): RunObject => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: kind.definition.kind,
  metadata: { name: 'run', namespace: 'default' },
  spec: {
    ...Object.fromEntries(fieldsOf(kind).map((field) => [field, 'before'])),
    ...change,
  } as unknown as RunObject['spec'],
})

const inputs = { dataset: 'sha256:dataset' }

describe.each(kinds.map((kind) => [kind.definition.kind, kind] as const))('the input digest of a %s', (_, kind) => {
  const first = inputDigestOf(kind, objectOf(kind), inputs, 'engine')

  test.each(fieldsOf(kind))('with another %s', (field) => {
    const changed = inputDigestOf(kind, objectOf(kind, { [field]: 'after' }), inputs, 'engine')
    expect(changed === first).toBe(withoutEffect(kind).has(field))
  })

  test('follows engine and inputs, and nothing of metadata', () => {
    const object = objectOf(kind)
    expect(inputDigestOf(kind, object, inputs, 'other')).not.toBe(first)
    expect(inputDigestOf(kind, object, { dataset: 'sha256:other' }, 'engine')).not.toBe(first)
    expect(inputDigestOf(kind, object, {}, 'engine')).not.toBe(first)
    const renamed = { ...object, metadata: { name: 'other', namespace: 'other', labels: { a: 'b' } } }
    expect(inputDigestOf(kind, renamed, inputs, 'engine')).toBe(first)
  })

  test('does not follow the order of fields', () => {
    const object = objectOf(kind)
    const turned = { ...object, spec: Object.fromEntries(Object.entries(object.spec).reverse()) as RunObject['spec'] }
    expect(inputDigestOf(kind, turned, inputs, 'engine')).toBe(first)
  })

  test('covers all that the job is told, but for what may change on the way', () => {
    const told = Object.keys(jobSpec(kind, objectOf(kind)))
    const mutable = kind.definition.mutableOnceStarted ?? []
    expect(told.filter((field) => withoutEffect(kind).has(field) && !mutable.includes(field))).toEqual([])
  })
})

test('equal specs of two kinds have two digests', () => {
  const digests = kinds.map((kind) =>
    inputDigestOf(kind, { ...objectOf(kind), spec: {} as RunObject['spec'] }, inputs, 'engine'),
  )
  expect(new Set(digests).size).toBe(kinds.length)
})
