import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { repositoryFiles } from './support/architecture/source-files.ts'
import { fencedBlocks, headingAnchors, linksOf } from './support/documents.ts'
import { render, type Values } from './support/helm.ts'

const files = repositoryFiles(join(import.meta.dirname, '..'))
const documents = [...files].filter(([path]) => path.endsWith('.md') && !path.startsWith('shared/'))

/** Files, and the folders that they lie in. */
const places = new Set([...files.keys()].flatMap((path) => [path, ...foldersOf(path)]))

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

describe('the documents', () => {
  test('link to what is there', () => {
    const dead = documents.flatMap(([path, text]) =>
      linksOf(text)
        .filter((link) => !isAlive(path, link))
        .map((link) => `${path} links to ${link}`),
    )
    expect(dead).toEqual([])
  })

  test('name tests, examples and pages that are there', () => {
    const named = /`((?:test|examples|docs|charts|operator|workers|crds)\/[\w./-]+)`/g
    const missing = documents.flatMap(([path, text]) =>
      [...text.matchAll(named)]
        .map(([, name = '']) => name.replace(/\/$/, ''))
        .filter((name) => !places.has(name))
        .map((name) => `${path} names ${name}`),
    )
    expect(missing).toEqual([])
  })

  test('show values that the chart takes', async () => {
    const values = documents.flatMap(([, text]) =>
      fencedBlocks(text, 'yaml')
        .flatMap((block) => parseAllDocuments(block).map((document) => document.toJS() as Values))
        .filter(({ apiVersion, store }) => apiVersion === undefined && store !== undefined),
    )
    expect(values.length).toBeGreaterThan(0)
    for (const given of values) expect(await render(given)).not.toEqual([])
  })

  test('say of each failure which test shows it', () => {
    const rows = (files.get('docs/failures.md') ?? '').split('\n').filter((line) => /^\| [^-]/.test(line))
    const failures = rows.filter((row) => !row.startsWith('| what |'))
    expect(failures.length).toBeGreaterThan(30)
    const untold = failures.filter((row) => !/`test\/[^`]+\.test\.ts`|not shown by a test/.test(row))
    expect(untold).toEqual([])
  })
})

function isAlive(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true
  const [target = '', anchor] = link.split('#')
  const path = target === '' ? from : normalize(join(dirname(from), target)).replace(/\/$/, '')
  if (!places.has(path)) return false
  return anchor === undefined || headingAnchors(files.get(path) ?? '').has(anchor)
}
