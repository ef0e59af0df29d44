// Whether ONNX Runtime can compute elsewhere than on the CPU, found out by trying: what it says by itself is a file that
// it could not open, or nothing at all.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'
import { listSupportedBackends } from 'onnxruntime-node'
import { Graph } from './graph.ts'
import { writeModel } from './onnx-writer.ts'
import * as op from './operators.ts'
import { float32, Session } from './session.ts'

export type ExecutionProvider = 'CPU' | 'CUDA'

/** Beside the binding, of exactly the same version. */
const cudaLibraries = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so']

/** Folder of the binding of onnxruntime-node. */
const bindingFolder = (): string => {
  const require = createRequire(import.meta.url)
  const root = dirname(require.resolve('onnxruntime-node/package.json'))
  return join(root, 'bin', 'napi-v6', platform(), arch())
}

/** What keeps a provider from computing, in words that say what to add; undefined where it computes. */
export const whatProviderLacks = async (
  provider: ExecutionProvider,
  folder: string = bindingFolder(),
): Promise<string | undefined> => {
  if (provider === 'CPU') return undefined
  const missing = cudaLibraries.filter((name) => !existsSync(join(folder, name)))
  if (missing.length > 0)
    return `${missing.join(' and ')} of ONNX Runtime ${runtimeVersion()} are not in ${folder}, which has the providers ${bundledProviders()}; use an image of the Dockerfile's target gpu, or add them from the NuGet package Microsoft.ML.OnnxRuntime.Gpu.Linux ${runtimeVersion()}`
  try {
    await addOneOn(provider)
    return undefined
  } catch (error) {
    // The libraries of ONNX Runtime are there, so it is one that they need, or the device.
    const device = existsSync('/dev/nvidiactl') ? '' : 'there is no GPU device (/dev/nvidiactl) in this Pod; '
    return `${device}ONNX Runtime says: ${error instanceof Error ? error.message : String(error)}`
  }
}

const runtimeVersion = (): string =>
  (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version

const bundledProviders = (): string =>
  listSupportedBackends()
    .filter(({ bundled }) => bundled)
    .map(({ name }) => name)
    .join(' and ')

/** A session alone proves little: libraries are loaded and memory is taken when it runs. */
const addOneOn = async (provider: ExecutionProvider): Promise<void> => {
  const graph = new Graph()
  const input = graph.input('x', 'float32', [4])
  graph.output('y', op.add(input, 1))
  const session = await Session.create(writeModel(graph), { threads: 1, provider })
  try {
    await session.run({ x: float32([4], [1, 2, 3, 4]) })
  } finally {
    await session.release()
  }
}
