import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { chartFolder, helm } from '../support/helm.ts'

test('helm lint finds nothing, warnings among it', async () => {
  const { code, stdout } = await helm(['lint', '--strict', chartFolder])
  expect(code, stdout).toBe(0)
})

test('chart, application and package have one version', () => {
  const { version, appVersion } = parse(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8')) as Record<string, string>
  expect({ version, appVersion }).toEqual({ version: packageJson.version, appVersion: packageJson.version })
})
