import { expect, test } from 'vitest'
import { render } from '../support/helm.ts'

test('the chart renders with nothing said', async () => {
  expect((await render({})).map(({ kind }) => kind)).toContain('Deployment')
})
