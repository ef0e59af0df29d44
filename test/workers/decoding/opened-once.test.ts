import { expect, test, vi } from 'vitest'
import { OpenedOnce } from '../../../workers/decoding/opened-once.ts'

function scene() {
  const release = vi.fn(async () => {})
  const part = { release }
  const open = vi.fn(async () => part)
  return { release, part, open, once: new OpenedOnce(open) }
}

test('is opened once, for all who ask, and released once', async () => {
  const { once, open, part, release } = scene()
  await once.release()
  expect(open).not.toHaveBeenCalled()
  expect(await Promise.all([once.get(), once.get()])).toEqual([part, part])
  expect(open).toHaveBeenCalledOnce()
  await once.release()
  await once.release()
  expect(release).toHaveBeenCalledOnce()
})

test.each([
  ['later', () => Promise.reject(new Error('no memory'))],
  [
    'at once',
    () => {
      throw new Error('no memory')
    },
  ],
])('tells all who wait of a failure that comes %s, and tries again for who asks next', async (_, fails) => {
  const { once, open, part, release } = scene()
  open.mockImplementationOnce(fails)
  const asked = [once.get(), once.get()]
  for (const each of asked) await expect(each).rejects.toThrow('no memory')
  expect(open).toHaveBeenCalledOnce()
  expect(await once.get()).toBe(part)
  await once.release()
  expect(release).toHaveBeenCalledOnce()
})

test('has nothing to release where it failed, before that is known too', async () => {
  const { once, open, release } = scene()
  open.mockRejectedValueOnce(new Error('no memory'))
  const failing = once.get()
  await once.release()
  await expect(failing).rejects.toThrow('no memory')
  await once.release()
  expect(release).not.toHaveBeenCalled()
})
