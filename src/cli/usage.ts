import { type ParseArgsConfig, parseArgs } from 'node:util'
import { didYouMean } from '../base/nearest.ts'

/** The command line does not say what the command needs; main shows the message and the command's usage, and exits with 2. */
export class UsageError extends Error {}

/** node:util's parseArgs, with its complaints as usage errors. */
export function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError(inOurWords(error as NodeJS.ErrnoException, config))
  }
}

/** parseArgs speaks to programmers; this to whoever mistyped. */
function inOurWords({ code, message }: NodeJS.ErrnoException, { options = {} }: ParseArgsConfig): string {
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? ''
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const like = didYouMean(
      quoted,
      Object.keys(options).map((name) => `--${name}`),
    )
    return `there is no option ${quoted}${like === '' ? '' : `; ${like}`}`
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
    return `"${quoted}" is one word too many${options['file'] ? ': files are named with -f FILE' : ''}`
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' && message.includes('argument missing'))
    return `${quoted.replace(/ <value>$/, '')} needs a value`
  return message
}

/** At most one word besides the options. */
export function atMostOne(positionals: string[]): string | undefined {
  if (positionals.length > 1)
    throw new UsageError(`one name at most, not ${positionals.map((word) => `"${word}"`).join(' ')}`)
  return positionals[0]
}
