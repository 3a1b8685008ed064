import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { corefile, type Name } from './corefiles.ts'

export interface Peer extends AsyncDisposable {
  /** Where each configuration is served. */
  readonly ports: ReadonlyMap<Name, number>
}

/** Has to be an address of this network namespace: CoreDNS finds by it the service in front of itself, and looks at none in 127.0.0.0/8. */
export const ownAddress = '192.0.2.53'

export interface PeerOptions {
  readonly program: string
  readonly kubeconfig: string
  /** Port of 127.0.0.1. */
  readonly upstream: number
}

/** CoreDNS, one process with all configurations. Resolves when it knows the cluster. */
export async function startCoreDns(
  names: readonly Name[],
  { program, kubeconfig, upstream }: PeerOptions,
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'coredns-'))
  writeFileSync(join(folder, 'kubeconfig'), kubeconfig)
  const ports = new Map<Name, number>()
  for (const name of names) ports.set(name, await freePort())
  const blocks = [...ports].map(([name, port]) =>
    corefile(name, { port, upstream }, `kubeconfig ${join(folder, 'kubeconfig')}`),
  )
  writeFileSync(join(folder, 'Corefile'), blocks.join(''))
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
  return { ports, [Symbol.asyncDispose]: stop }
}

/** Free for UDP a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
