import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createSocket } from 'node:dgram'
import { reverseRanges } from './random-objects.ts'

export interface Peer extends AsyncDisposable {
  /** Where the reverse names of the cluster's ranges are CoreDNS's alone. */
  readonly ranged: number
  /** Where it answers the reverse names that it knows, and asks upstream about all others: as kubeadm configures it. */
  readonly usual: number
}

/** Has to be an address of this network namespace: CoreDNS finds by it the service in front of itself, and looks at none in 127.0.0.0/8. */
export const ownAddress = '192.0.2.53'

export interface PeerOptions {
  readonly program: string
  readonly kubeconfig: string
  /** Port of 127.0.0.1 that all other names are asked at. */
  readonly upstream: number
}

/** CoreDNS as kubeadm configures it, but for its cache: answers are to be compared as they are made. Resolves when it knows the cluster. */
export async function startCoreDns({ program, kubeconfig, upstream }: PeerOptions): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'coredns-'))
  writeFileSync(join(folder, 'kubeconfig'), kubeconfig)
  const [ranged, usual] = [await freePort(), await freePort()]
  const server = (port: number, reverse: readonly string[], more: string): string => `.:${port} {
    errors
    kubernetes cluster.local ${reverse.join(' ')} {
        kubeconfig ${join(folder, 'kubeconfig')}
        pods insecure
        ttl 30
        ${more}
    }
    forward . 127.0.0.1:${upstream}
    loadbalance
}
`
  const arpa = ['in-addr.arpa', 'ip6.arpa']
  const corefile = server(ranged, reverseRanges, '') + server(usual, arpa, `fallthrough ${arpa.join(' ')}`)
  writeFileSync(join(folder, 'Corefile'), corefile)
  const child = spawn(program, ['-conf', join(folder, 'Corefile')], { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true })
  }
  const said: string[] = []
  const up = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      if (line.startsWith('CoreDNS-')) up.resolve()
    })
  child.once('exit', () => up.reject(new Error(`CoreDNS ended: ${said.join('\n')}`)))
  try {
    await up.promise
  } catch (error) {
    await stop()
    throw error
  }
  return { ranged, usual, [Symbol.asyncDispose]: stop }
}

/** Free for UDP a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
