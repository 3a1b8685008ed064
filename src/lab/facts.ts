import { type RequestOptions, request as httpsRequest } from 'node:https'
import { messageOf } from '../base/errors.ts'
import { askFacts } from '../doctor/ask.ts'
import type { MachineFacts } from '../doctor/facts.ts'
import { gatherMachine } from '../doctor/gather/machine.ts'
import { agentPort } from '../node/describe.ts'
import type { Settings } from './settings.ts'
import type { Wire } from './wire.ts'

/** What the machines said, and of those that said nothing, why. */
export interface Machines {
  readonly machines: readonly MachineFacts[]
  readonly silent: readonly { readonly node: string; readonly say: string }[]
}

/**
 * Asks the kernels of all machines of a lab: of each node its agent, of the router this process. `tls`: an administrator's certificate.
 * A node whose agent is away is told, and keeps nobody waiting longer than the others do.
 */
export async function askMachines(
  settings: Settings,
  wire: Wire,
  tls: RequestOptions,
  signal?: AbortSignal,
): Promise<Machines> {
  const router = gatherMachine({
    node: 'router',
    kind: 'router',
    ns: wire.router,
    services: [settings.serviceCidr],
    pods: () => [],
  })
  const names = ['router', ...wire.nodes.map(({ name }) => name)]
  const nodes = wire.nodes.map(({ name, address: host }) =>
    askFacts(name, (options) => httpsRequest({ ...tls, host, port: agentPort, ...options }), signal),
  )
  const answers = await Promise.allSettled([router, ...nodes])
  return {
    machines: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    silent: answers.flatMap((answer, at) =>
      answer.status === 'rejected' ? [{ node: names[at] ?? '', say: messageOf(answer.reason) }] : [],
    ),
  }
}
