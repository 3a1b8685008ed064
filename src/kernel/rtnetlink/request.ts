import type { MessageWriter } from '../netlink/writer.ts'

/** One change asked of the kernel, as a value: made by `addLink`, `addRoute`, ...; carried out by `RouteSocket.apply`. */
export interface Request {
  /** For error messages: `add link veth3`. */
  readonly op: string
  readonly type: number
  readonly flags: number
  readonly write: (writer: MessageWriter) => void
  /** The errno (by name) that means "already so": `EEXIST`, `ENOENT`. Ignored by `applyIdempotent`. */
  readonly already?: string
}

export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_BRIDGE = 7
export const AF_INET6 = 10

export function familyOf(number: 4 | 6): number {
  return number === 4 ? AF_INET : AF_INET6
}
