import { KubehopError, messageOf } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { visible } from '../base/visible.ts'
import { didYouMean } from '../base/nearest.ts'
import { type Command, commands } from './commands.ts'
import { UsageError } from './usage.ts'

/** What a command asks of these rooms is clear from its own name; elsewhere room and operation say where it went wrong. */
const ownRooms: ReadonlySet<string> = new Set(['lab', 'manifest', 'trace', 'doctor', 'image'])

// Exit codes: 0 done, 1 it failed, 2 it was asked for wrongly, 3 the lab runs but not all that was asked for is ready.
process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  // A reader that goes away (`kubehop trace ... | head -1`) is no failure, and must not break off what is being done.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return
      // Whatever else is wrong with it, such as a full disk: the rest would be lost in silence.
      if (stream === process.stdout) console.error(`kubehop: the output cannot be written: ${error.message}`)
      process.exit(1)
    })
  }
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return help(args[0])
  if (name === 'version' || name === '--version') {
    console.log(`kubehop ${version}`)
    return 0
  }
  const command = commandOf(name)
  if (!command) return noCommand(name)
  if (args.includes('--help') || args.includes('-h')) {
    console.log(command.usage)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`kubehop ${name}: ${error.message}\n\n${synopsis(name, command)}`)
      return 2
    }
    // It may be what a server said.
    console.error(`kubehop ${name}: ${visible(sayOf(error, name))}`)
    return 1
  }
}

function help(of?: string): number {
  const command = of === undefined || of === 'help' ? undefined : commandOf(of)
  if (of !== undefined && of !== 'help' && !command) return noCommand(of)
  console.log(command?.usage ?? overview())
  return 0
}

/** How it is called, and no more: what was wrong stands above it and is to be seen. */
function synopsis(name: string, { usage }: Command): string {
  const [how = ''] = usage.split('\n\n', 1)
  return how === usage ? usage : `${how}\n\n\`kubehop help ${name}\` says more.`
}

function commandOf(name: string): Command | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined
}

function noCommand(name: string): number {
  const like = didYouMean(
    name,
    shown().map(([known]) => known),
  )
  console.error(`kubehop: there is no command "${name}"${like === '' ? `\n\n${overview()}` : `; ${like}`}`)
  return 2
}

/** Errors for people come without a stack; anything else is a bug of ours and shows where. */
function sayOf(error: unknown, command: string): string {
  if (error instanceof KubehopError) {
    if (ownRooms.has(error.room)) return error.plain
    return error.room === command ? `${error.op}: ${error.plain}` : error.message
  }
  if (error instanceof Error && error.name === 'ApiError') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}

function overview(): string {
  const rows = shown().map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  return [
    'A Kubernetes cluster network, complete and visible.',
    '',
    'usage: kubehop COMMAND ...',
    '',
    ...rows,
    '',
    '`kubehop help COMMAND` says more, `kubehop version` which version this is.',
  ].join('\n')
}

/** Not the commands that only Kubehop itself starts. */
function shown(): [string, Command][] {
  return Object.entries(commands).filter(([, { summary }]) => summary !== '')
}
