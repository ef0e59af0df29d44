import { execFile } from 'node:child_process'
import { copyFile, mkdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { writeArchive } from './oci-archive.ts'

/** programs/pod, of which the node's sandboxes are made. */
export const podImage = 'adloom.local/pod:1'

/** Debian's Redis with its shared libraries. */
export const redisImage = 'adloom.local/redis:7'

export async function writePodImage(programs: string, directory: string): Promise<string> {
  const folder = join(directory, 'pod-image')
  await copyInto(folder, join(programs, 'pod'), '/pod')
  return writeArchive(folder, podImage, { Entrypoint: ['/pod'] })
}

export async function writeRedisImage(redisServer: string, directory: string): Promise<string> {
  const folder = join(directory, 'redis-image')
  const commands = [redisServer, join(dirname(redisServer), 'redis-cli')]
  for (const command of commands) {
    await copyInto(folder, command, `/usr/bin/${command.split('/').at(-1)}`)
    for (const library of await librariesOf(command)) await copyInto(folder, library, library)
  }
  await mkdir(join(folder, 'root', 'data'), { recursive: true })
  return writeArchive(folder, redisImage, {
    Entrypoint: ['/usr/bin/redis-server'],
    Env: ['PATH=/usr/bin'],
    WorkingDir: '/data',
  })
}

async function copyInto(folder: string, from: string, to: string): Promise<void> {
  const path = join(folder, 'root', to)
  await mkdir(dirname(path), { recursive: true })
  await copyFile(await realpath(from), path)
}

/** Absolute paths, the loader among them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program])
  return stdout.split('\n').flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? [])
}
