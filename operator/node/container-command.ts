import { ContainerConfigError, expandReferences } from './environment.ts'
import type { Container } from './pod.ts'
import type { MountedPath } from './volumes.ts'
import { substituteMounts } from './volumes.ts'

/** A process as it is to be started: the file with its arguments, its folder and its whole environment. */
export interface ProcessSpec {
  argv: [string, ...string[]]
  workingDirectory: string
  environment: Record<string, string>
}

export interface CommandContext {
  /** What the container's spec gives it; see containerEnvironment. */
  environment: Record<string, string>
  mounts: readonly MountedPath[]
  /** What every process gets unless its spec says otherwise: PATH, HOME, TMPDIR and what the node's owner passes. */
  inherited: Record<string, string>
  /** First words that stand for something else here than in an image, such as `node` or the project's own command. */
  commandAliases: Record<string, readonly string[]>
  /** Stands in for the image's WORKDIR. */
  workingDirectory: string
}

/** Throws ContainerConfigError `NoCommand` for a container that relies on its image's entrypoint. */
export function processSpec(container: Container, context: CommandContext): ProcessSpec {
  const [program, ...rest] = container.command ?? []
  if (program === undefined) {
    throw new ContainerConfigError(
      'NoCommand',
      `container ${container.name} has no command, and the local node pulls no image to learn its entrypoint from; ` +
        'set command in the container spec',
    )
  }
  const place = (text: string) => substituteMounts(expandReferences(text, context.environment), context.mounts)
  const environment: Record<string, string> = { ...context.inherited }
  for (const [name, value] of Object.entries(context.environment)) {
    environment[name] = substituteMounts(value, context.mounts)
  }
  const placed = place(program)
  const [first, ...before] = aliasOf(placed, context.commandAliases)
  return {
    argv: [first ?? placed, ...before, ...[...rest, ...(container.args ?? [])].map(place)],
    workingDirectory: place(container.workingDir ?? context.workingDirectory),
    environment,
  }
}

function aliasOf(program: string, aliases: Record<string, readonly string[]>): readonly string[] {
  return (Object.hasOwn(aliases, program) ? aliases[program] : undefined) ?? [program]
}
