import { spawn } from 'node:child_process'
import type { Log } from '../base/log.ts'
import { inNetns, type Netns } from '../kernel/netns.ts'

export interface AgentSpec {
  name: string
  ns: Netns
  args: string[]
}

const quickestRestartMs = 200
const slowestRestartMs = 10_000
const healthyAfterMs = 30_000

/** Keeps one agent process running in each node's network namespace; one that ends is started again, later each time it ends early. */
export function keepAgents(specs: AgentSpec[], log: Log): void {
  const start = (spec: AgentSpec, delay: number): void => {
    const begun = Date.now()
    const child = inNetns(spec.ns, () =>
      spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'node', ...spec.args], {
        argv0: `kubehop node ${spec.name}`,
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    )
    child.once('exit', (code, signal) => {
      const next = Date.now() - begun > healthyAfterMs ? quickestRestartMs : Math.min(delay * 2, slowestRestartMs)
      log.warn(
        { node: spec.name, code, signal, again: delay },
        'an agent ended; its pods go on, and it is started again',
      )
      setTimeout(() => start(spec, next), delay)
    })
    child.once('error', (error) =>
      log.error({ node: spec.name, error: error.message }, 'an agent could not be started'),
    )
  }

  for (const spec of specs) start(spec, quickestRestartMs)
}
