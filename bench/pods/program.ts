import { spawn } from 'node:child_process'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'

/** A CNI plugin, called as a container runtime calls it: one process per ADD or DEL. */
export interface Plugin {
  add(id: string, netnsPath: string): Promise<void>
  del(id: string, netnsPath: string): Promise<void>
}

export interface PluginOptions {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** Folder of the plugins that it may call. */
  readonly path: string
  readonly config: object
  /** Where it is started. */
  readonly node: Netns
}

export function asProgram({ command: [program, ...args], path, config, node }: PluginOptions): Plugin {
  const stdin = JSON.stringify(config)
  const call = (command: string, id: string, netnsPath: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const env = environment(command, id, netnsPath, path)
      const child = inNetns(node, () => spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }))
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      child.once('error', reject)
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`${command} of ${program} ended with ${code}: ${said}`)),
      )
      child.stdin.end(stdin)
    })
  return {
    add: (id, netnsPath) => call('ADD', id, netnsPath),
    del: (id, netnsPath) => call('DEL', id, netnsPath),
  }
}

/** Also for a call without a process. */
export function environment(command: string, id: string, netnsPath: string, path: string): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: netnsPath,
    CNI_IFNAME: 'eth0',
    CNI_PATH: path,
  }
}
