import { pino } from 'pino'
import { type Authority, adminKubeconfig, newAuthority } from './certificates/authority.ts'
import { makeClientCertificate } from './certificates/certificates.ts'
import type { Connection } from './client/http.ts'
import { type Api, startApi } from './server/api.ts'

/** A whole API server on a loopback port of its own, for tests. */
export interface TestApi extends AsyncDisposable {
  readonly api: Api
  readonly authority: Authority
  readonly server: string
  readonly kubeconfig: string
  /** As whom to connect: an administrator unless said otherwise. */
  as(name: string, groups?: string[]): Connection
}

export async function testApi(
  options: { stateDir?: string; port?: number; authority?: Authority } = {},
): Promise<TestApi> {
  const authority = options.authority ?? newAuthority()
  const api = await startApi({
    stateDir: options.stateDir,
    serviceCidr: '100.64.0.0/13',
    listeners: [{ host: '127.0.0.1', port: options.port ?? 0 }],
    authority,
    names: ['127.0.0.1'],
    log: pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' }),
  })
  const server = `https://127.0.0.1:${api.addresses[0]?.port}`
  return {
    api,
    authority,
    server,
    kubeconfig: adminKubeconfig(authority, server),
    as: (name, groups = ['system:masters']) => ({
      server,
      ca: authority.cert,
      ...makeClientCertificate(authority, { name, groups }),
    }),
    [Symbol.asyncDispose]: () => api.close(),
  }
}
