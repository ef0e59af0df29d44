import { join } from 'node:path'

/** The folder under the user's cache folder (XDG base directories) in which what can be made anew is kept. */
export const cacheFolder = (env: NodeJS.ProcessEnv, home: string, name: string): string =>
  join(env.XDG_CACHE_HOME || join(home, '.cache'), 'adloom', name)
