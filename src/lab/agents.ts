import { spawn } from 'node:child_process'
import type { Log } from '../base/log.ts'
import { inNetns, type Netns } from '../kernel/netns.ts'

/** A process that belongs to a node: its agent, its resolver. */
export interface ProcessSpec {
  node: string
  ns: Netns
  /** What `ps` shows. */
  title: string
  /** The command of this program, and its options. */
  args: string[]
  /** What its end means, for the log. */
  atEnd: string
}

const quickestRestartMs = 200
const slowestRestartMs = 10_000
const healthyAfterMs = 30_000

/** Keeps processes running in their nodes' network namespaces; one that ends is started again, later each time it ends early. */
export function keepProcesses(specs: ProcessSpec[], log: Log): void {
  const start = (spec: ProcessSpec, delay: number): void => {
    const begun = Date.now()
    const child = inNetns(spec.ns, () =>
      spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...spec.args], {
        argv0: spec.title,
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    )
    child.once('exit', (code, signal) => {
      const next = Date.now() - begun > healthyAfterMs ? quickestRestartMs : Math.min(delay * 2, slowestRestartMs)
      log.warn({ node: spec.node, code, signal, again: delay }, `${spec.title} ended; ${spec.atEnd}`)
      setTimeout(() => start(spec, next), delay)
    })
    child.once('error', (error) =>
      log.error({ node: spec.node, error: error.message }, `${spec.title} could not be started`),
    )
  }

  for (const spec of specs) start(spec, quickestRestartMs)
}
