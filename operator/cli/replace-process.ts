import { join } from 'node:path'

export const projectRoot = join(import.meta.dirname, '../..')

/**
 * Becomes another program of this project, with the same pid: signals and the exit code are its own. The operator's
 * rooms do not import the workers', also not through the command line.
 */
export function replaceProcess(main: string): void {
  if (!process.execve) throw new Error('this Node cannot replace its process; use Node 26 on Linux or macOS')
  process.execve(process.execPath, [process.execPath, join(projectRoot, main)], process.env)
}
