import type { ContainerStatus, Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { podKey } from '../../trace/cluster/cluster.ts'
import type { Because } from '../../trace/types.ts'
import { meets, spaceOf } from '../directory.ts'
import type { PodFacts, SocketFact } from '../facts.ts'
import { machinesOf } from '../machines.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'
import { socketText } from './listeners.ts'

/** Containers of one pod share one network: two of them cannot listen on one port. */
export const check: Check = {
  number: 11,
  title: 'a container ends again and again: its port is taken in the pod',
  codes: ['PortTaken'],
  needs: 'machines',
  find: (view) =>
    view.cluster.pods.flatMap((pod) => {
      const told = machinesOf(view).pods.get(podKey(pod))
      if (!told || pod.metadata.deletionTimestamp !== undefined) return []
      const { facts, sockets } = {
        facts: told.pod,
        sockets: told.pod.hostNetwork ? told.machine.sockets : told.pod.sockets,
      }
      // Sidecars are init containers: started first, and again when they end, at a time when others may have their port.
      const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
      return [...containerStatuses, ...initContainerStatuses].flatMap((status) =>
        ofContainer(view, pod, status, facts, sockets),
      )
    }),
}

function ofContainer(
  { cluster }: View,
  pod: Pod,
  status: ContainerStatus,
  facts: PodFacts,
  sockets: readonly SocketFact[],
): Finding[] {
  const { name, state, lastState, restartCount } = status
  if (state?.running !== undefined) return []
  const ended = state?.terminated ?? lastState?.terminated
  if (ended === undefined || ended.exitCode === 0) return []
  const words = [ended.message ?? '', facts.containers.find((one) => one.name === name)?.lastWords ?? ''].join('\n')
  const line = lineOf(words)
  if (line === undefined) return []
  const port = portOf(line) ?? portOf(words)
  // Who holds it is the proof: that a program says so alone may be about another port, or have passed.
  const holders = sockets.filter(
    (socket) =>
      socket.container !== undefined && !(socket.container === name && (socket.pod ?? podKey(pod)) === podKey(pod)),
  )
  const found = port === undefined ? (holders.length === 1 ? holders : []) : holders.filter((one) => one.port === port)
  const [holder] = found
  if (!holder) return []
  const who = `container ${holder.container}${holder.pod !== undefined && holder.pod !== podKey(pod) ? ` of pod ${holder.pod}` : ''}`
  const evidence: Because[] = [
    { kind: 'object', text: `container ${name} said: ${line}` },
    { kind: 'socket', text: `${facts.hostNetwork ? `${pod.spec.nodeName}: ` : ''}${socketText(holder)}` },
  ]
  const times = restartCount > 0 ? `, ${restartCount} restart${restartCount === 1 ? '' : 's'} so far` : ''
  const network = facts.hostNetwork
    ? `pods with hostNetwork share their node’s network`
    : 'containers of one pod share one network'
  return [
    {
      number: 11,
      code: 'PortTaken',
      level: 'error',
      object: referTo(pod),
      also: servicesOf(cluster.services, pod).map(referTo),
      field: fieldOf(pod, name),
      sure: port === undefined ? 'likely' : 'certain',
      evidence,
      say: `container ${name} of ${nameOf(pod)} ends at once${times}: port ${holder.port} is taken by ${who}${holder.process === undefined ? '' : ` (${holder.process}, process ${holder.pid})`}`,
      fix: `let one of the two listen on another port: ${network}`,
    },
  ]
}

function fieldOf({ spec }: Pod, name: string): string {
  const at = spec.containers.findIndex((one) => one.name === name)
  if (at >= 0) return `spec.containers[${at}]`
  return `spec.initContainers[${(spec.initContainers ?? []).findIndex((one) => one.name === name)}]`
}

/** The line in which a program says that its address is in use: libuv, Go, C libraries, Python and Java each have their own words. */
function lineOf(words: string): string | undefined {
  const line = words
    .split('\n')
    .find((one) => /EADDRINUSE|address (is )?already in use|only one usage of each socket/i.test(one))
  return line?.trim().slice(0, 200)
}

/** `0.0.0.0:80`, `:::80`, `[::]:80`, `:8080: bind`, `port 80`, `port: 80`; not the time of day. */
function portOf(words: string): number | undefined {
  const near = words
    .split('\n')
    .filter((line) => /EADDRINUSE|in use|bind|listen|port/i.test(line))
    .join('\n')
    .replace(/(?<![\d.])\d{1,2}:\d{2}:\d{2}([.,]\d+)?/g, '')
  const found =
    /(?:[\d.]*|\]|::|\*|localhost):(\d{1,5})(?![\d.\w])/.exec(near) ?? /\bport['"]?[:= ]+(\d{1,5})\b/i.exec(near)
  const port = Number(found?.[1])
  return port > 0 && port < 65536 ? port : undefined
}

function servicesOf(services: readonly Service[], pod: Pod): Service[] {
  return services.filter(({ metadata, spec: { selector = {} } }) => {
    const same = (metadata.namespace ?? 'default') === spaceOf(pod)
    return same && Object.keys(selector).length > 0 && meets(pod.metadata.labels, selector)
  })
}
