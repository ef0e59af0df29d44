import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dataset, evaluation, isReady, type Observed, tokenizerBuild, trainingRun, workerPool } from './chain.ts'
import { Simulation } from './simulation.ts'

let simulation: Simulation
beforeEach(async () => {
  simulation = await Simulation.start()
  await simulation.apply(evaluation, trainingRun, tokenizerBuild, dataset, workerPool)
  await ready('Evaluation', 'chain')
})
afterEach(() => simulation.stop())

async function ready(kind: string, name: string): Promise<Observed> {
  await simulation.until(`${kind} ${name} is Ready`, async () => isReady(await simulation.find(kind, name)))
  return (await simulation.find<Observed>(kind, name)) ?? expect.unreachable()
}

const digestOf = async (kind: string, name: string): Promise<string> =>
  (await ready(kind, name)).status?.artifact?.digest ?? expect.unreachable()

const next = <O extends typeof dataset>({ spec, metadata, ...object }: O, more: object): O =>
  ({ ...object, metadata: { ...metadata, name: 'next' }, spec: { ...spec, ...more } }) as unknown as O

test('changed data are learned by new runs, which start from the earlier ones, in whatever order they are made', async () => {
  const before = {
    dataset: await digestOf('Dataset', 'chain'),
    tokenizer: await digestOf('TokenizerBuild', 'chain'),
    model: await digestOf('TrainingRun', 'chain'),
  }
  const changed = { ...dataset, spec: { ...dataset.spec, source: { simulation: { users: 10, items: 11 } } } }
  await simulation.apply(changed)
  await simulation.until('there is another revision', async () => {
    const { status } = (await simulation.find<Observed>('Dataset', 'chain')) ?? {}
    return status?.revision !== before.dataset
  })
  const earlier = { name: 'chain' }
  const itself = { name: 'next' }
  await simulation.apply(
    next(evaluation, { model: { trainingRunRef: itself }, champion: { trainingRunRef: earlier } }),
    next(trainingRun, { tokenizerRef: itself, warmStart: { trainingRunRef: earlier } }),
    next(tokenizerBuild, { reuse: { tokenizerRef: earlier } }),
  )
  const inputsOf = async (kind: string) => (await ready(kind, 'next')).status?.inputs
  const revision = await digestOf('Dataset', 'chain')
  const tokenizer = await digestOf('TokenizerBuild', 'next')
  expect(revision).not.toBe(before.dataset)
  expect(await inputsOf('TokenizerBuild')).toEqual({ dataset: revision, reuse: before.tokenizer })
  expect(await inputsOf('TrainingRun')).toEqual({ dataset: revision, tokenizer, parent: before.model })
  expect(await inputsOf('Evaluation')).toEqual({
    dataset: revision,
    model: await digestOf('TrainingRun', 'next'),
    champion: before.model,
  })
  // Those that had ended stay with what they learned.
  expect((await ready('TokenizerBuild', 'chain')).status?.inputs).toEqual({ dataset: before.dataset })
  await simulation.pass(60)
  const writes = simulation.writes.length
  await simulation.pass(600)
  expect(simulation.writes.slice(writes).filter((write) => !write.includes('leases'))).toEqual([])
})

test('an evaluation waits for a champion that the store lacks, says so, and goes on when it is back', async () => {
  const publish = () =>
    simulation.store.publish({ kind: 'Model', inputDigest: `sha256:${'0'.repeat(64)}`, metadata: {} }, (folder) =>
      writeFile(join(folder, 'weights'), 'of long ago'),
    )
  const { digest } = await publish()
  await simulation.store.quarantine(digest)
  await simulation.apply(next(evaluation, { champion: { digest } }))
  await simulation.pass(60)
  const { status } = (await simulation.find<Observed>('Evaluation', 'next')) ?? {}
  expect(status?.state).toBe('DependencyNotReady')
  expect(status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(`${digest} (champion)`)
  await publish()
  await simulation.until('it is Ready', async () => isReady(await simulation.find('Evaluation', 'next')), 120)
})

test('runs that wait for each other are stalled until one of them names another', async () => {
  const on = (name: string) => ({ warmStart: { trainingRunRef: { name } } })
  const one = next(trainingRun, on('other'))
  const other = { ...next(trainingRun, on('next')), metadata: { ...one.metadata, name: 'other' } }
  await simulation.apply(one, other)
  await simulation.pass(30)
  for (const name of ['next', 'other'])
    expect((await simulation.find<Observed>('TrainingRun', name))?.status?.state, name).toBe('InvalidSpec')
  await simulation.apply({ ...other, ...{ spec: { ...trainingRun.spec, ...on('chain') } } })
  await ready('TrainingRun', 'next')
})
