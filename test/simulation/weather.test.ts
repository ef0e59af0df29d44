import { expect, test } from 'vitest'
import type { Random } from '../../operator/cluster/clock.ts'
import { seededRandom } from '../support/fake-clock.ts'
import { chain, isSettled, runsOnce, snapshot } from './chain.ts'
import { type Faults, noFaults, type Verdict } from './faulty-ports.ts'
import { Simulation } from './simulation.ts'

const seeds = Number(process.env.ADLOOM_SIMULATION_SEEDS ?? 40)
const firstSeed = Number(process.env.ADLOOM_SIMULATION_FIRST_SEED ?? 1)

const pick = <T>(random: Random, ...from: [T, ...T[]]): T => from[Math.floor(random() * from.length)] ?? from[0]

/** Everything that may go wrong between the operator and the world does, now and then. */
function badWeather(random: Random): Faults {
  const sometimes = (share: number, ...verdicts: [Verdict, ...Verdict[]]): Verdict =>
    random() < share ? pick(random, ...verdicts) : 'pass'
  return {
    onWrite: () => sometimes(0.15, 'crash', 'lost answer', 'lost answer', 409, 429, 500, 503),
    onRead: () => sometimes(0.1, 'lost answer', 410, 429, 500, 503),
    onWatch: () => sometimes(0.1, 'lost answer', 410, 429, 500),
    onEvent: () => (random() < 0.1 ? pick(random, 0, 2) : 1),
  }
}

/** What happens to Redis in a second; gives how often jobs at work may have been begun anew for it. */
function strikeRedis({ queue }: Simulation, random: Random): number {
  const strike = random()
  if (strike < 0.02) queue.wipe()
  else if (strike < 0.04) queue.isDown = true
  else if (strike < 0.05 && !queue.isDown) queue.stall('default.chain')
  else if (strike < 0.2) queue.isDown = false
  return strike < 0.02 || (strike >= 0.04 && strike < 0.05) ? 1 : 0
}

async function weather(seed: number) {
  const random = seededRandom(seed)
  const simulation = await Simulation.start({ faults: badWeather(random), seed })
  const { queue, workers } = simulation
  queue.losesEvent = () => random() < 0.5
  let restarts = 0
  try {
    await simulation.apply(...chain)
    for (let second = 0; second < 90; second++) {
      restarts += strikeRedis(simulation, random)
      await simulation.pass(1)
    }
    simulation.faults = noFaults
    queue.isDown = false
    await simulation.until('the chain is settled', () => isSettled(simulation))
    await simulation.pass(60)
    return { state: withoutChance(await snapshot(simulation)), taken: workers.taken, cutOff: workers.cutOff, restarts }
  } finally {
    await simulation.stop()
  }
}

/** Which Pod did the work is chance, and whether anybody saw it; a result whose job got lost is found by its inputs. */
function withoutChance(state: unknown): unknown {
  const chance = new Set(['progress', 'worker', 'reused'])
  const text = JSON.stringify(state, (name, value) => (chance.has(name) ? undefined : value))
  return JSON.parse(
    text
      .replaceAll('Reused', 'Succeeded')
      .replaceAll('a finished artifact with the same inputs was taken:', 'artifact'),
  )
}

test('the chain ends the same in any weather, and no work is done more often than Redis lost it', async () => {
  const simulation = await Simulation.start()
  await simulation.apply(...chain)
  await simulation.until('the chain is settled', () => isSettled(simulation))
  await simulation.pass(60)
  const calm = withoutChance(await snapshot(simulation))
  await simulation.stop()
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const where = `seed ${seed}: ADLOOM_SIMULATION_SEEDS=1 ADLOOM_SIMULATION_FIRST_SEED=${seed}`
    const end = await weather(seed).catch((error: unknown) => {
      throw new Error(where, { cause: error })
    })
    expect(end.state, where).toEqual(calm)
    expect(end.cutOff, where).toEqual([])
    expect([...new Set(end.taken)].sort(), where).toEqual(runsOnce.toSorted())
    expect(end.taken.length, where).toBeLessThanOrEqual(runsOnce.length + end.restarts)
  }
}, 400_000)
