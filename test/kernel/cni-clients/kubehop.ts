import { resolve } from 'node:path'
import { must } from './machine.ts'
import { Service } from './service.ts'

const main = resolve('src/cli/main.ts')

/** Installs the plugin on the machine with a network of that name, as its owner does. */
export async function installPlugin(name: string, subnet = '10.22.0.0/24', bridge = 'cbr0'): Promise<void> {
  await must(process.execPath, main, 'cni', 'install', '--name', name, '--subnet', subnet, '--bridge', bridge)
}

export async function uninstallPlugin(name: string): Promise<void> {
  await must(process.execPath, main, 'cni', 'uninstall', '--name', name)
}

/** The agent that does the plugin's work. */
export class Agent extends Service {
  constructor() {
    super(process.execPath, [main, 'cni', 'agent'], '"answers"')
  }
}
