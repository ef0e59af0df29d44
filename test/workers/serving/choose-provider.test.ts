import { expect, it } from 'vitest'
import { chooseProvider } from '../../../workers/serving/choose-provider.ts'

const warnings: string[] = []
const log = { warn: (message: string) => void warnings.push(message) }
const lacks = async () => 'libx.so is not in /lib'

it('what can be had is taken', async () => {
  const wanted = { executionProvider: 'CUDA', onMissingProvider: 'Fail' } as const
  expect(await chooseProvider(wanted, log, async () => undefined)).toEqual({ provider: 'CUDA', wanted: 'CUDA' })
})

it('what is missing ends the server, with its name and the ways out', async () => {
  const wanted = { executionProvider: 'CUDA', onMissingProvider: 'Fail' } as const
  await expect(chooseProvider(wanted, log, lacks)).rejects.toThrow(
    /executionProvider CUDA cannot be used: libx\.so is not in \/lib; .*UseCPU/,
  )
})

it('the CPU stands in where it may, and the log says so', async () => {
  const wanted = { executionProvider: 'CUDA', onMissingProvider: 'UseCPU' } as const
  expect(await chooseProvider(wanted, log, lacks)).toEqual({
    provider: 'CPU',
    wanted: 'CUDA',
    missing: 'libx.so is not in /lib',
  })
  expect(warnings).toEqual(['CUDA cannot be used, the CPU decodes instead: libx.so is not in /lib'])
})
