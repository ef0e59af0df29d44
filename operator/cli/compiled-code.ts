import { enableCompileCache } from 'node:module'
import { cacheFolder } from './cache-folder.ts'

/**
 * Has this process and those it starts keep what V8 has compiled, in the user's cache folder:
 * to strip and to compile the modules takes most of the start of each worker and server. Where nothing can be written
 * there, all is as without.
 */
export function keepCompiledCode(environment: NodeJS.ProcessEnv, home: string): void {
  environment.NODE_COMPILE_CACHE ??= cacheFolder(environment, home, 'compiled-code')
  enableCompileCache(environment.NODE_COMPILE_CACHE)
}
