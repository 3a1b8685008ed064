import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { address } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { type Netns, openNetns } from '../kernel/netns.ts'
import { connectTcp } from '../kernel/socket.ts'

/** As kubelet's runtimes: the pod's own loopback, where also programs that nobody else may reach listen. */
const loopbacks = [address('127.0.0.1'), address('::1')]
const patienceMs = 10_000
const listening = '0A'

/** A connection to a port of a pod, from inside it; it may be closed one direction at a time. `netns`: `/proc/4711/ns/net`. Rejects with what listens there. */
export async function connectInPod(netns: string, port: number): Promise<Duplex> {
  using ns = opened(netns)
  const failures: string[] = []
  for (const one of loopbacks) {
    try {
      const socket = connectTcp({ ns, address: one, port, halfOpen: true })
      await once(socket, 'connect', { signal: AbortSignal.timeout(patienceMs) }).catch((error: unknown) => {
        socket.destroy()
        throw error
      })
      return socket
    } catch (error) {
      const { code, name } = error as NodeJS.ErrnoException
      failures.push(`${one}: ${name === 'AbortError' ? `no answer within ${patienceMs / 1000} s` : (code ?? name)}`)
    }
  }
  const say = `nothing in the pod takes connections to port ${port} of its own address (${failures.join(', ')}); ${listenersSay(netns)}`
  throw new KubehopError('pod', 'port-forward', 'Refused', say)
}

function opened(netns: string): Netns {
  try {
    return openNetns(netns)
  } catch (cause) {
    throw new KubehopError('pod', 'port-forward', 'Invalid', 'the pod is not running: it has just ended', { cause })
  }
}

/** What does listen in the pod, as its kernel says. */
function listenersSay(netns: string): string {
  const process = netns.replace(/\/ns\/net$/, '')
  const found = ['tcp', 'tcp6'].flatMap((table) => {
    const rows = textOf(`${process}/net/${table}`).trimEnd().split('\n').slice(1)
    return rows.flatMap((row) => {
      const [, local = '', , state] = row.trim().split(/\s+/)
      const [host = '', port = ''] = local.split(':')
      return state === listening ? `${Number.parseInt(port, 16)}${reach(host)}` : []
    })
  })
  return found.length === 0 ? 'nothing listens there at all' : `there listens: ${[...new Set(found)].join(', ')}`
}

/** Empty when the pod has ended meanwhile, or its kernel knows no IPv6. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Whether a listener's address, as the kernel writes it, is one that port forwarding does not reach. */
function reach(host: string): string {
  const any = /^0+$/.test(host)
  const loopback = host === '0100007F' || /^0{24}01000000$/.test(host)
  return any || loopback ? '' : " (only on the pod's address, which port-forward does not use)"
}
