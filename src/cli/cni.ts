import { cniPlugin } from './cni-plugin.ts'
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
      return cniPlugin()
    default:
      throw new UsageError(
        `there is no "cni ${verb}": ${verbs.map((each) => `cni ${each}`).join(', ')}; or no word at all, for runtimes, with CNI_* and a configuration`,
      )
  }
}
