import { readFileSync } from 'node:fs'
import { textOf } from '../cni/agent/text.ts'
import { callPlugin } from '../cni/plugin/plugin.ts'
import { commands } from './commands.ts'
import { UsageError } from './usage.ts'

const verbs = ['agent', 'install', 'uninstall'] as const

/** The CNI plugin, as a container runtime starts it; or what it takes to have runtimes start it. */
export async function cni([verb, ...args]: string[]): Promise<number> {
  switch (verb) {
    case 'agent':
      return (await import('./cni-agent.ts')).cniAgent(args)
    case 'install':
      return (await import('./cni-install.ts')).cniInstall(args)
    case 'uninstall':
      return (await import('./cni-install.ts')).cniUninstall(args)
    case undefined:
      return plugin()
    default:
      throw new UsageError(
        `there is no "cni ${verb}": ${verbs.map((each) => `cni ${each}`).join(', ')}; or no word at all, for runtimes, with CNI_* and a configuration`,
      )
  }
}

function plugin(): number {
  // As the reference plugins do for whoever tries them by hand.
  if (!process.env['CNI_COMMAND']) {
    console.error(commands['cni']?.usage)
    return 0
  }
  const answer = callPlugin(process.env, () => readFileSync(0, 'utf8'))
  process.stdout.write(textOf(answer))
  return answer.exitCode
}
