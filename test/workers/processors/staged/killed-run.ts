import { expect } from 'vitest'
import type { Spec, trainBy } from './small-run.ts'
import type { World } from './small-world.ts'

type Train = ReturnType<typeof trainBy>

/** The payment network learns from samples that are drawn first, and have no checkpoint. */
const samplesPhase = 'payment samples'

/**
 * How a run ends that was killed once in every phase, where no other has trained its stages.
 * @param phases that it reports, in their order
 */
export async function trainKilled(train: Train, world: World, spec: Spec, phases: readonly string[]) {
  const namespace = 'elsewhere'
  for (const [index, phase] of phases.entries()) {
    const updates: string[] = []
    const running = train(world, spec, {
      namespace,
      stopAt: (update) => {
        updates.push(`${update.phase} ${update.step}`)
        return update.phase === phase && update.step === 2
      },
    })
    await expect(running).rejects.toThrow('stopped')
    const before = phases[index - 1]
    if (before === undefined) continue
    // What was trained before is found, and a stage that was stopped goes on from its checkpoint.
    if (before === samplesPhase) expect(updates).toContain(`${phase} 1`)
    else expect(updates).not.toContain(`${before} 1`)
  }
  return train(world, spec, { namespace })
}
