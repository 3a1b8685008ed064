import { readFileSync } from 'node:fs'
import { callPlugin } from '../cni/plugin/plugin.ts'
import { commands } from './commands.ts'
import { UsageError } from './usage.ts'

/** The CNI plugin, as a container runtime starts it. */
export async function cni(args: string[]): Promise<number> {
  if (args.length > 0) throw new UsageError('the plugin takes no words: it is told by CNI_* and by its standard input')
  // As the reference plugins do for whoever tries them by hand.
  if (!process.env['CNI_COMMAND']) {
    console.error(commands['cni']?.usage)
    return 0
  }
  const { out, exitCode } = callPlugin(process.env, () => readFileSync(0, 'utf8'))
  if (out !== undefined) process.stdout.write(`${JSON.stringify(out, undefined, 2)}\n`)
  return exitCode
}
