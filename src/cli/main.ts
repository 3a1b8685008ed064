import { KubehopError, messageOf } from '../base/errors.ts'
import { type Command, commands } from './commands.ts'
import { UsageError } from './usage.ts'

// Exit codes: 0 done, 1 it failed, 2 it was asked for wrongly, 3 the lab runs but not all that was asked for is ready.
process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  // A reader that goes away (`kubehop trace ... | head -1`) is no failure, and must not break off what is being done.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    console.log(overview(args[0]))
    return 0
  }
  const command = commands[name]
  if (!command) {
    console.error(`kubehop: there is no command "${name}"\n\n${overview()}`)
    return 2
  }
  if (args.includes('--help') || args.includes('-h')) {
    console.log(command.usage)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`kubehop ${name}: ${error.message}\n\n${command.usage}`)
      return 2
    }
    console.error(`kubehop ${name}: ${sayOf(error)}`)
    return 1
  }
}

/** Errors for people come without a stack; anything else is a bug of ours and shows where. */
function sayOf(error: unknown): string {
  if (error instanceof KubehopError || (error instanceof Error && error.name === 'ApiError')) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}

function overview(of?: string): string {
  const one: Command | undefined = of === undefined ? undefined : commands[of]
  if (one) return one.usage
  const rows = Object.entries(commands).flatMap(([name, command]) =>
    command.summary === '' ? [] : [`  ${name.padEnd(12)}${command.summary}`],
  )
  return [
    'A Kubernetes cluster network, complete and visible.',
    '',
    'usage: kubehop COMMAND ...',
    '',
    ...rows,
    '',
    '`kubehop help COMMAND` says more.',
  ].join('\n')
}
