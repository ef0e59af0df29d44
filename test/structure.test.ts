import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generatedFiles } from '../crds/generate.ts'
import { kinds } from '../crds/kinds.ts'
import { forbiddenImports, importCircles, roomOf } from './support/architecture/rooms.ts'
import { localImports, repositoryFiles } from './support/architecture/source-files.ts'

const files = repositoryFiles(join(import.meta.dirname, '..'))
const sources = [...files].filter(([path]) => path.endsWith('.ts'))
const imports = new Map(sources.map(([path, text]) => [path, localImports(path, text)]))

/** Files over the limit, each with the reason why it is better in one piece. */
const longFiles: Record<string, string> = {}
const maxLines = 400

describe('the rooms', () => {
  test('every import follows an arrow', () => {
    expect(forbiddenImports(imports)).toEqual([])
  })

  test('no circle of imports', () => {
    expect(importCircles(imports)).toEqual([])
  })

  test('every import names a file of the project', () => {
    const dangling = [...imports].flatMap(([path, targets]) =>
      targets.filter((target) => !files.has(target)).map((target) => `${path} imports ${target}`),
    )
    expect(dangling).toEqual([])
  })

  test('only evaluations read the hidden truth of a simulated market', () => {
    // The simulator writes it, and tests and benchmarks judge by it.
    const mayRead = /^(workers\/(data|evaluation)\/|workers\/processors\/evaluation|bench\/|test\/)/
    const reading = [...imports].filter(([, targets]) => targets.includes('workers/data/market/truth.ts'))
    expect(reading.length).toBeGreaterThan(1)
    expect(reading.map(([path]) => path).filter((path) => !mayRead.test(path))).toEqual([])
  })

  test('the machinery names no kind of ours', () => {
    const machinery = /^operator\/(control|cluster|embedded|node)\//
    const names = kinds.flatMap(({ kind, plural }) => [kind, plural]).join('|')
    const named = sources.flatMap(([path, text]) => {
      const name = machinery.test(path) ? new RegExp(`\\b(${names})\\b`).exec(text)?.[0] : undefined
      return name ? [`${path} names ${name}`] : []
    })
    expect(named).toEqual([])
  })
})

describe('the files', () => {
  test(`none has more than ${maxLines} lines without a reason`, () => {
    const long = sources.filter(([, text]) => text.split('\n').length - 1 > maxLines).map(([path]) => path)
    expect(long.sort()).toEqual(Object.keys(longFiles).sort())
  })

  test('generated ones are what `npm run generate` writes, and there is no other beside them', () => {
    const generated = generatedFiles()
    const present = [...files.keys()].filter((path) =>
      /^(crds\/manifests|docs\/reference|charts\/adloom\/files\/crds)\/|^docs\/argocd\/argocd-cm\.yaml$/.test(path),
    )
    const stale = [...generated].filter(([path, content]) => files.get(path) !== content).map(([path]) => path)
    expect(stale, 'run `npm run generate`').toEqual([])
    expect(present.sort()).toEqual([...generated.keys()].sort())
  })

  test('none names a registry: every installation has its own', () => {
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['registry', 'yarnpkg', 'com'],
      ['proxy', 'golang', 'org'],
      ['docker', 'io'],
      ['ghcr', 'io'],
      ['quay', 'io'],
      ['gcr', 'io'],
      ['registry', 'k8s', 'io'],
    ].map((parts) => parts.join('.'))
    const named = [...files].flatMap(([path, text]) =>
      hosts.filter((host) => text.includes(host)).map((host) => `${path} names ${host}`),
    )
    expect(named).toEqual([])
  })
})

describe('the checks themselves', () => {
  test('find imports of every form', () => {
    const source = `
      import { a } from './a.ts'
      import type { B } from '../b.ts'
      import { c } from 'package'
      export * from './d.ts'
      export { e } from './e.ts'
      const f = await import('./f.ts')
      const g = new Worker(new URL('./g.ts', import.meta.url))
      const h: import('./h.ts').H = f
      const fixture = new URL('./data.json', import.meta.url)
    `
    expect(localImports('room/x.ts', source).sort()).toEqual(
      ['b.ts', 'room/a.ts', 'room/d.ts', 'room/e.ts', 'room/f.ts', 'room/g.ts', 'room/h.ts'].sort(),
    )
    expect(() => localImports('x.ts', 'import {')).toThrow('x.ts does not parse')
  })

  test('find imports against the arrows, unknown rooms and tests in the product', () => {
    const found = forbiddenImports(
      new Map([
        ['operator/main.ts', ['operator/embedded/store.ts']],
        ['operator/queue/a.ts', ['workers/data/b.ts', 'crds/jobs.ts']],
        ['workers/attic/a.ts', ['workers/attic/b.ts']],
        ['workers/data/a.ts', ['test/support/redis.ts']],
        ['test/a.test.ts', ['operator/embedded/store.ts']],
      ]),
    )
    expect(found).toEqual([
      expect.stringContaining('operator/main.ts must not know operator/embedded'),
      expect.stringContaining('operator/queue must not know workers/data'),
      expect.stringContaining('no room workers/attic is known'),
      expect.stringContaining('workers/data must not know what is no part of the product'),
    ])
  })

  test('find circles, and no circle where two ways lead to one file', () => {
    expect(
      importCircles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual(['b -> c -> b'])
    expect(
      importCircles(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['d']],
          ['c', ['d']],
          ['d', []],
        ]),
      ),
    ).toEqual([])
  })

  test('know the room of a file', () => {
    expect(['crds/kinds/dataset.ts', 'operator/cli/main.ts', 'workers/main.ts', 'test/x.ts'].map(roomOf)).toEqual([
      'crds',
      'operator/cli',
      'workers/main.ts',
      undefined,
    ])
  })
})
