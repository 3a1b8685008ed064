// An API server of a test's own making, asked by the program as people call it.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newAuthority } from '../api/certificates/authority.ts'
import { makeClientCertificate, makeServerCertificate } from '../api/certificates/certificates.ts'
import { kubeconfig } from '../api/client/kubeconfig.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const authority = newAuthority()

/** An empty list of any kind. */
export const empty: string = listOf([])

export function listOf(items: readonly object[]): string {
  return JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items })
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A server with a certificate that {@link asking} knows. */
export function api(answer: RequestListener): Server {
  return createServer(makeServerCertificate(authority, { name: 'api' }, ['127.0.0.1']), answer)
}

/** Listens while `ask` runs; `config`: the path of a kubeconfig for it. */
export async function asking<T>(server: Server, ask: (address: string, config: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-api-'))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    // Whoever gives up breaks off.
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const config = join(folder, 'config')
    const { cert, key } = makeClientCertificate(authority, { name: 'reader', groups: [] })
    writeFileSync(config, kubeconfig({ server: address, ca: authority.cert, cert, key }))
    return await ask(address, config)
  } finally {
    server.close()
    for (const socket of sockets) socket.destroy()
    rmSync(folder, { recursive: true })
  }
}

export function kubehop(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    )
  })
}
