import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Graph } from '../../../workers/tensor/graph.ts'
import { writeModel } from '../../../workers/tensor/onnx-writer.ts'
import * as op from '../../../workers/tensor/operators.ts'
import { float32, int32, Session, type Tensors } from '../../../workers/tensor/session.ts'
import { SessionThread } from '../../../workers/tensor/session-thread.ts'

const doubler = (): Uint8Array => {
  const graph = new Graph()
  graph.output('y', op.scale(graph.input('x', 'float32', [3]), 2))
  return writeModel(graph)
}

const x = float32([3], [1, 2, 3])

/** Long enough to notice: 40 products of 512 x 512 matrices, about 10 GFLOP. */
const slowModel = (): Uint8Array => {
  const graph = new Graph()
  const input = graph.input('x', 'float32', [512, 512])
  let product = input
  for (let round = 0; round < 40; round++) product = op.matmul(product, input)
  graph.output('y', op.reduceMax(product))
  return writeModel(graph)
}

const slowInput: Tensors = { x: float32([512, 512], new Float32Array(512 * 512)) }

/** How often the event loop came round until `work` was done. */
const turnsDuring = async (work: () => Promise<unknown>): Promise<number> => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await work()
  clearInterval(timer)
  return turns
}

describe('Session', () => {
  test('runs, names its inputs and outputs, and is of no use after release', async () => {
    const session = await Session.create(doubler(), { threads: 1 })
    expect(session.inputNames).toEqual(['x'])
    expect(session.outputNames).toEqual(['y'])
    const { y } = await session.run({ x })
    expect(y).toEqual(float32([3], [2, 4, 6]))
    await session.release()
    await session.release()
    await expect(session.run({ x })).rejects.toThrow('released')
  })

  test('writes outputs into the arrays that it is given', async () => {
    const session = await Session.create(doubler(), { threads: 1 })
    const into = { y: float32([3], [0, 0, 0]) }
    const result = await session.run({ x }, into)
    await session.release()
    expect([...into.y.data]).toEqual([2, 4, 6])
    expect(result.y.data).toBe(into.y.data)
  })

  test('a wrong shape is refused with the input named', async () => {
    const session = await Session.create(doubler(), { threads: 1 })
    await expect(session.run({ x: float32([2], [1, 2]) })).rejects.toThrow(/invalid dimensions for input.*x/s)
    await session.release()
  })

  test('released sessions give their memory back', async () => {
    const program = join(import.meta.dirname, 'support/released-sessions.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [program])
    // Each session holds at least its 16 MiB of weights: kept, 20 of them would be 320 MiB.
    expect(Number(stdout)).toBeLessThan(160 * 2 ** 20)
  })

  test('profiling takes a prefix and leaves a trace at release', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'adloom-profile-'))
    const session = await Session.create(doubler(), { threads: 1, profilePrefix: join(folder, 'trace') })
    await session.run({ x })
    await session.release()
    const [file] = await readdir(folder)
    const events: { name: string }[] = JSON.parse(await readFile(join(folder, file), 'utf8'))
    await rm(folder, { recursive: true })
    expect(events.some(({ name }) => name.includes('Mul'))).toBe(true)
  })

  test('tensors of a wrong size are refused', () => {
    expect(() => float32([2, 2], [1, 2, 3])).toThrow('needs 4 elements, not 3')
    expect(() => int32([1], [])).toThrow('needs 1 elements')
  })
})

describe('SessionThread', () => {
  test('the event loop turns while it computes, and stands still while a plain session does', async () => {
    const model = slowModel()
    const plain = await Session.create(model, { threads: 1 })
    const blocked = await turnsDuring(() => plain.run(slowInput))
    await plain.release()
    const thread = await SessionThread.create(model, { threads: 1 })
    const free = await turnsDuring(() => thread.run(slowInput))
    await thread.release()
    expect(blocked).toBeLessThanOrEqual(2)
    expect(free).toBeGreaterThan(5)
  })

  test('answers in order, from shared memory too', async () => {
    const thread = await SessionThread.create(doubler(), { threads: 1 })
    expect(thread.outputNames).toEqual(['y'])
    const shared = new Float32Array(new SharedArrayBuffer(12))
    shared.set([7, 8, 9])
    const results = await Promise.all([thread.run({ x }), thread.run({ x: float32([3], shared) })])
    expect(results.map(({ y }) => [...y.data])).toEqual([
      [2, 4, 6],
      [14, 16, 18],
    ])
    await thread.release()
  })

  test('a failed run rejects and the thread goes on', async () => {
    const thread = await SessionThread.create(doubler(), { threads: 1 })
    await expect(thread.run({ x: float32([2], [1, 2]) })).rejects.toThrow('invalid dimensions')
    const { y } = await thread.run({ x })
    expect([...y.data]).toEqual([2, 4, 6])
    await thread.release()
  })

  test('release lets runs finish and refuses later ones', async () => {
    const thread = await SessionThread.create(doubler(), { threads: 1 })
    const last = thread.run({ x })
    const released = thread.release()
    await expect(thread.run({ x })).rejects.toThrow('released')
    expect([...(await last).y.data]).toEqual([2, 4, 6])
    await released
    await thread.release()
  })

  test('a model that ONNX Runtime refuses fails the start', async () => {
    await expect(SessionThread.create(Uint8Array.of(1, 2, 3), { threads: 1 })).rejects.toThrow()
  })
})
