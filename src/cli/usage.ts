import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The command line does not say what the command needs; main shows the message and the command's usage, and exits with 2. */
export class UsageError extends Error {}

/** node:util's parseArgs, with its complaints as usage errors. */
export function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** At most one word besides the options. */
export function atMostOne(positionals: string[]): string | undefined {
  if (positionals.length > 1)
    throw new UsageError(`one name at most, not ${positionals.map((word) => `"${word}"`).join(' ')}`)
  return positionals[0]
}
