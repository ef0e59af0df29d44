import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { whatProviderLacks } from '../../../workers/tensor/execution-provider.ts'

it('the CPU lacks nothing', async () => {
  expect(await whatProviderLacks('CPU')).toBeUndefined()
})

it('CUDA without its libraries lacks them by name, version and folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'provider-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const both = await whatProviderLacks('CUDA', folder)
  expect(both).toMatch(/^libonnxruntime_providers_shared\.so and libonnxruntime_providers_cuda\.so of ONNX Runtime 1\./)
  expect(both).toContain(folder)
  expect(both).toMatch(/has the providers cpu.*; use .*target gpu, or .*Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux 1\./)
  await writeFile(join(folder, 'libonnxruntime_providers_shared.so'), '')
  expect(await whatProviderLacks('CUDA', folder)).toMatch(/^libonnxruntime_providers_cuda\.so of/)
})
