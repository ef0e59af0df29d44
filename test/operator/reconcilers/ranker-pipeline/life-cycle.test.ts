import fc from 'fast-check'
import { expect, test } from 'vitest'
import { statusFromLedger } from '../../../../operator/reconcilers/ranker-pipeline/ledger.ts'
import { wrongConditions } from '../readiness.ts'
import { sha, type specOf, templateWithSeed, World } from './world.ts'

const active = ({ status }: World) => (status.runs ?? []).filter(({ state }) => state === 'Running')
const newestActive = (world: World) => active(world)[0]?.name ?? ''
const models = ({ status: { champion, candidate, lineage = [], runs = [] } }: World) =>
  [
    champion?.digest,
    candidate?.digest,
    ...lineage.map(({ digest }) => digest),
    ...runs.map(({ model }) => model),
  ].flatMap((digest) => digest ?? [])
const pick = <T>(from: readonly T[], n: number): T | undefined => from[n % Math.max(1, from.length)]

/** What a user, or the world around a pipeline, may do at any moment; `n` chooses among what there is. */
const moves: Record<string, (world: World, n: number) => void> = {
  'nothing happens': () => undefined,
  'an hour passes': (world) => world.pass(3600),
  'a day passes': (world) => world.pass(86_400),
  'new data come': (world, n) => Object.assign(world, { revision: `revision ${n % 4}` }),
  'the Dataset is not ready': (world) => Object.assign(world, { datasetIsReady: false }),
  'the Dataset is ready': (world) => Object.assign(world, { datasetIsReady: true }),
  'a template changes': (world, n) => change(world, { trainingTemplate: templateWithSeed(n % 3) }),
  'a schedule is set': (world) =>
    change(world, {
      triggers: { ...world.spec.triggers, schedules: [{ name: 's', cron: '0 */6 * * *', timeZone: 'UTC' }] },
    }),
  'a deadline is set': (world) => change(world, { startingDeadlineSeconds: 600 }),
  'runs are spaced': (world) => change(world, { minimumIntervalSeconds: 7200 }),
  'it is suspended': (world) => change(world, { suspend: true }),
  'it is resumed': (world) => change(world, { suspend: false }),
  'runs replace one another': (world) => change(world, { concurrencyPolicy: 'Replace' }),
  'runs go on beside one another': (world) => change(world, { concurrencyPolicy: 'Allow' }),
  'runs wait for one another': (world) => change(world, { concurrencyPolicy: 'Forbid' }),
  'promotion needs a person': (world) => change(world, { promotion: { policy: 'Manual', requirePassed: true } }),
  'promotion is automatic': (world) => change(world, { promotion: { policy: 'Automatic', requirePassed: true } }),
  'a model must be better': (world) =>
    change(world, {
      promotion: {
        policy: 'Automatic',
        requirePassed: true,
        minimumDifferences: [{ metric: 'Recall@10', value: '0', judgedBy: 'IntervalBound' }],
      },
    }),
  'a digest is approved': (world, n) => {
    const approvedDigest = pick(models(world), n) ?? sha('unknown')
    change(world, { promotion: { policy: 'Manual', requirePassed: true, approvedDigest } })
  },
  'history is short': (world) => change(world, { successfulRunsHistoryLimit: 0, failedRunsHistoryLimit: 0 }),
  'a run is asked for': (world, n) => annotate(world, { retrain: `request ${n}` }),
  'the candidate is promoted by hand': (world, n) => annotate(world, { promote: `request ${n}` }),
  'a model is promoted by hand': (world, n) =>
    annotate(world, { promote: `${pick(models(world), n) ?? sha('unknown')} ${n}` }),
  'runs are aborted': (world, n) => annotate(world, { abort: `request ${n}` }),
  'a run passes': (world) => world.finish(newestActive(world), { difference: ['0.1', '0.05', '0.2'] }),
  'a run is no better': (world) => world.finish(newestActive(world), { difference: ['0', '-0.1', '0.1'] }),
  'a run does not pass': (world) => world.finish(newestActive(world), { passed: false }),
  'training is done': (world) => world.finishTraining(newestActive(world)),
  'a run fails': (world, n) => world.stall(n % 2 ? 'TokenizerBuild' : 'TrainingRun', newestActive(world)),
  'the champion fails online': (world) => world.failOnline(world.status.champion?.digest ?? ''),
  'an artifact is deleted': (world, n) => void world.gone.add(pick(models(world), n) ?? ''),
  'artifacts come back': (world) => world.gone.clear(),
  'a child is deleted': (world, n) => {
    const child = pick(world.children, n)
    if (child) world.remove(child.kind, child.name)
  },
  'a run is deleted': (world, n) => world.removeRun(pick(world.children, n)?.name ?? ''),
  'the cluster is built anew': (world) => {
    world.status = { observedGeneration: -1 }
    world.children = []
    world.followers = []
  },
  'the operator crashes after the ledger': (world) => void world.look('ledger'),
  'the operator crashes after the status': (world) => void world.look('status'),
}

const change = (world: World, changes: Parameters<typeof specOf>[0]) =>
  Object.assign(world, { spec: { ...world.spec, ...changes } })
const annotate = (world: World, annotations: World['annotations']) =>
  Object.assign(world, { annotations: { ...world.annotations, ...annotations } })

const rules: [sentence: string, broken: (world: World) => boolean][] = [
  ['runs have names of their own', ({ status }) => hasTwice((status.runs ?? []).map(({ name }) => name))],
  [
    'the number of the newest run is that of status',
    ({ status }) => (status.runs?.[0]?.number ?? 0) > (status.lastRunNumber ?? 0),
  ],
  [
    'the ledger names the champion of status',
    ({ ledger, status }) => statusFromLedger(ledger, 'ads').champion?.digest !== status.champion?.digest,
  ],
  [
    'the ledger knows what failed online',
    ({ ledger, status }) =>
      JSON.stringify(statusFromLedger(ledger, 'ads').rejected) !== JSON.stringify(status.rejected),
  ],
  [
    'the champion is not one that failed online',
    ({ status }) => status.rejected?.some(({ digest }) => digest === status.champion?.digest) ?? false,
  ],
  [
    'no former champion is the champion',
    ({ status }) => status.lineage?.some(({ digest }) => digest === status.champion?.digest) ?? false,
  ],
  ['no more runs are on than may be', (world) => active(world).length > 8],
  [
    'a suspended pipeline has no child at work',
    ({ spec, children, status }) =>
      spec.suspend &&
      children.some(
        (child) =>
          child.state === 'Working' &&
          child.spec.suspend === false &&
          status.runs?.some(({ name, state }) => name === child.name && state === 'Running'),
      ),
  ],
  [
    'nothing is left of runs that are forgotten',
    ({ children, status }) =>
      children.some(
        ({ run }) =>
          !status.runs?.some(({ number }) => number === run) &&
          status.champion?.run !== run &&
          status.candidate?.run !== run,
      ),
  ],
  [
    'a run that is on has its children',
    (world) =>
      !world.spec.suspend &&
      active(world).some(({ name }) => world.children.filter((child) => child.name === name).length !== 3),
  ],
  ['the next look is not in the past', ({ last }) => (last?.requeueAfterMs ?? 0) < 0],
]

const hasTwice = (names: string[]) => new Set(names).size !== names.length

function brokenRules(world: World): string[] {
  const { readiness } = world.last ?? {}
  return [
    ...rules.filter(([, broken]) => broken(world)).map(([sentence]) => sentence),
    ...(readiness ? wrongConditions(readiness, world.now) : ['there is a readiness']),
  ]
}

test('whatever happens in whatever order, a pipeline settles within the rules', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...Object.keys(moves)), fc.nat(1000)), { maxLength: 30 })
  fc.assert(
    fc.property(steps, (happened) => {
      const world = new World()
      world.settle()
      for (const [move, n] of happened) {
        moves[move]?.(world, n)
        world.settle()
        expect(brokenRules(world), move).toEqual([])
        expect(world.last?.events, `${move}: events end`).toEqual([])
      }
    }),
    { numRuns: 600 },
  )
}, 120_000)

test('a crash after any write of any look ends as without it', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...Object.keys(moves)), fc.nat(1000)), { maxLength: 12 })
  const crashes = fc.constantFrom('ledger' as const, 'status' as const)
  fc.assert(
    fc.property(steps, crashes, (happened, crash) => {
      const calm = new World()
      const stormy = new World()
      for (const [move, n] of [['nothing happens', 0] as const, ...happened]) {
        moves[move]?.(calm, n)
        calm.settle()
        moves[move]?.(stormy, n)
        stormy.look(crash)
        stormy.settle()
      }
      const end = ({ status, children }: World) => ({
        status,
        children: children.map(({ kind, name, state }) => `${kind} ${name} ${state}`).sort(),
      })
      expect(end(stormy)).toEqual(end(calm))
    }),
    { numRuns: 250 },
  )
}, 120_000)
