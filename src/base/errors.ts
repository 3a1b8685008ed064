/** What went wrong, where, and what to do: the one error type that rooms throw for causes a person can act on. */
export class KubehopError extends Error {
  /** The room that noticed, a prefix of the message: `kernel`, `pod`, `api`. */
  readonly room: string
  /** What was being done: `link add`, `mount /proc`. */
  readonly op: string
  /** A short fixed name for programs: `EPERM`, `Conflict`, `PortTaken`. */
  readonly code: string
  /** The message without room and operation: for a person who knows what they asked for. */
  readonly plain: string

  constructor(room: string, op: string, code: string, say: string, options?: { cause?: unknown }) {
    super(`${room}: ${op}: ${say}`, options)
    this.name = 'KubehopError'
    this.room = room
    this.op = op
    this.code = code
    this.plain = say
  }
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The short fixed name that the system or a room gave an error, such as `EADDRINUSE`; undefined: it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
