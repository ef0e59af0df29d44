import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

/** Text of each file that Git knows or would add, by its path from the root of the project. */
export function repositoryFiles(root: string): Map<string, string> {
  const listing = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  const files = new Map<string, string>()
  for (const path of listing.toString().split('\0').filter(Boolean)) {
    try {
      files.set(path, readFileSync(join(root, path), 'utf8'))
    } catch (error) {
      // Deleted and not yet committed.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return files
}

/**
 * Paths of the project's own files that a TypeScript file refers to: imports of values and types, exports from,
 * dynamic imports, and `new URL('./x.ts', import.meta.url)`, by which worker threads are started.
 *
 * @throws when the file does not parse.
 */
export function localImports(path: string, source: string): string[] {
  const { program, errors } = parseSync(path, source)
  if (errors[0]) throw new Error(`${path} does not parse: ${errors[0].message}`)
  const found = new Set<string>()
  const note = (node: { type: string; value?: unknown } | null | undefined) => {
    const value = node?.type === 'Literal' ? node.value : undefined
    if (typeof value === 'string' && /^\.\.?\//.test(value)) found.add(join(dirname(path), value))
  }
  new Visitor({
    ImportDeclaration: ({ source }) => note(source),
    ExportAllDeclaration: ({ source }) => note(source),
    ExportNamedDeclaration: ({ source }) => note(source),
    ImportExpression: ({ source }) => note(source),
    TSImportType: ({ source }) => note(source),
    NewExpression({ callee, arguments: [first, second] }) {
      if (callee.type !== 'Identifier' || callee.name !== 'URL' || second?.type !== 'MemberExpression') return
      if (second.object.type === 'MetaProperty' && /\.ts$/.test(literal(first))) note(first)
    },
  }).visit(program)
  return [...found]
}

function literal(node: { type: string; value?: unknown } | undefined): string {
  return node?.type === 'Literal' && typeof node.value === 'string' ? node.value : ''
}
