import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'

/** What the plugin answered. */
export interface Said {
  exitCode: number | null
  stdout: string
  stderr: string
  /** stdout, parsed; empty when there was none. */
  out: Record<string, unknown>
}

type Plugin = (env: NodeJS.ProcessEnv, stdin: object | string) => Said

/** The plugin as a runtime starts it, on the node whose namespace this is. `a folder` for stdin: what nobody can read. */
export function pluginIn(ns?: Netns): Plugin {
  return (env, stdin) => {
    const folder = stdin === 'a folder' ? openSync('/', 'r') : undefined
    const child = inNetns(ns, () =>
      spawnSync(process.execPath, ['src/cli/main.ts', 'cni'], {
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
        ...(folder === undefined
          ? { input: typeof stdin === 'string' ? stdin : JSON.stringify(stdin) }
          : { stdio: [folder, 'pipe', 'pipe'] }),
      }),
    )
    if (folder !== undefined) closeSync(folder)
    const { status, stdout, stderr } = child
    return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
  }
}
