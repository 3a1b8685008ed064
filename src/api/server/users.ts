import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { ApiError } from '../client/client.ts'

export interface User {
  readonly name: string
  readonly groups: readonly string[]
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** Who asks: by client certificate (common name, organizations) or bearer token. Throws Unauthorized for a bad one. */
export function identify(request: IncomingMessage, userOfToken: (token: string) => User | undefined): User {
  const socket = request.socket as TLSSocket
  const header = request.headers.authorization
  if (header !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1]
    const user = token === undefined ? undefined : userOfToken(token)
    if (user === undefined) throw new ApiError(401, 'Unauthorized', 'Unauthorized')
    return user
  }
  let known = users.get(socket)
  if (known === undefined) {
    known = userOfCertificate(socket)
    users.set(socket, known)
  }
  return known
}

/** A connection's certificate does not change, so it is looked at once. */
const users = new WeakMap<TLSSocket, User>()

function userOfCertificate(socket: TLSSocket): User {
  const certificate = socket.getPeerCertificate()
  if (Object.keys(certificate ?? {}).length === 0) return anonymous
  const { CN, O } = certificate.subject as { CN?: string | string[]; O?: string | string[] }
  const name = typeof CN === 'string' ? CN : CN?.at(-1)
  if (!socket.authorized || name === undefined) throw new ApiError(401, 'Unauthorized', 'Unauthorized')
  const groups = O === undefined ? [] : typeof O === 'string' ? [O] : O
  return { name, groups: [...groups, 'system:authenticated'] }
}
