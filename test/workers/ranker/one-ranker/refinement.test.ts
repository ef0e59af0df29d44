import { describe, expect, test } from 'vitest'
import {
  type OneRankerShape,
  oneRankerLayout,
  refinementTokens,
  taskCount,
} from '../../../../workers/ranker/one-ranker/shape.ts'
import { smallCatalogue } from '../ega/small-generator.ts'
import { roughOneRanker, smallOneRanker } from './small-one-ranker.ts'
import { apart, wholeModel } from './whole-graph.ts'

const itemCount = 20
const catalogue = smallCatalogue(itemCount)
const asked = { histories: [{ items: Uint32Array.of(4, 11, 2) }], candidates: [[3, 7, 12]] }
/** The task whose parameters are changed. */
const changed = 2

/** Changes what the task `changed` has of its own: its token, its feed-forwards, its head. */
function withOtherTask(shape: OneRankerShape, parameters: Float32Array): Float32Array {
  const moved = parameters.slice()
  const own = /^(task\.tokens|task\.head\.(weight|bias)|refinement\.\d+\.tasks\.(inner|outer)\.(weight|bias))$/
  for (const { name, offset, size, shape: dimensions } of oneRankerLayout(shape).parameters) {
    if (!own.test(name)) continue
    expect(dimensions[0]).toBe(taskCount(shape))
    const piece = size / dimensions[0]
    for (let index = 0; index < piece; index++) moved[offset + changed * piece + index] += 0.5 + 0.1 * (index % 3)
  }
  return moved
}

/** Of tokens, heads and user vectors by task: how far they move with the parameters of the task `changed`. */
async function movedBy(changes: Partial<OneRankerShape>) {
  const shape = smallOneRanker(itemCount, { refinementLayers: 3, ...changes })
  const parameters = roughOneRanker(shape)
  const model = await wholeModel(shape, catalogue)
  const before = await model.run(parameters, asked)
  const after = await model.run(withOtherTask(shape, parameters), asked)
  await model.release()
  const tasks = taskCount(shape)
  const byTask = (name: string, rows: number): number[] => {
    const width = before[name].length / rows
    return Array.from({ length: tasks }, (_, task) => {
      const row = [task * width, (task + 1) * width] as const
      return apart(before[name].subarray(...row), after[name].subarray(...row))
    })
  }
  return {
    tokens: byTask('tokens', refinementTokens(shape)),
    tasks: byTask('tasks', tasks),
    users: byTask('users', tasks),
  }
}

describe('step 2', () => {
  test('keeps tasks causal over all layers where fake items see the first task alone', async () => {
    for (const distances of Object.values(await movedBy({ fakeItemsSee: 'FirstTask' })))
      for (const [task, distance] of distances.entries())
        if (task < changed) expect(distance, `task ${task}`).toBe(0)
        else expect(distance, `task ${task}`).toBeGreaterThan(1e-4)
  })

  test('lets later tasks reach earlier ones through fake items from the second layer on, as drawn', async () => {
    const { tokens: leaking } = await movedBy({ refinementLayers: 2 })
    expect(Math.min(...leaking)).toBeGreaterThan(1e-4)
    const { tokens: strict } = await movedBy({ refinementLayers: 1 })
    expect(strict.slice(0, changed)).toEqual([0, 0])
  })

  test('keeps tasks causal where there are no fake items', async () => {
    const { users } = await movedBy({ fakeItems: 0 })
    expect(users.slice(0, changed)).toEqual([0, 0])
  })

  test('lets every task see every other under the full mask', async () => {
    const { tokens } = await movedBy({ selfMask: 'Full', refinementLayers: 1 })
    expect(Math.min(...tokens)).toBeGreaterThan(1e-4)
  })
})
