import { KubehopError } from '../../base/errors.ts'

// What a launcher and its server say to each other. All numbers are of 32 bits, little endian.
//   server:    the greeting, when it takes the connection. Before that a launcher says nothing and can still go its own way.
//   launcher:  length, the environment as execve(2) has it: each string with its NUL
//              length, that much of standard input; again and again; and a length of 0 at its end
//   server:    length, exit code, that much for standard output
// Who hangs up before the end has ended. The end of a request is told, not left to a half-closed socket: a launcher that was killed looks different.

/** Its last byte is the version: a launcher that knows another one does without the server. */
export const greeting: Uint8Array = new TextEncoder().encode('KUBEHOP\u0001')

/** What a launcher was started with. */
export interface Request {
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string
}

/** Puts a request together from what arrives. */
export class RequestReader {
  readonly #limit: number
  readonly #input: Buffer[] = []
  #env: Record<string, string> | undefined
  #rest: Buffer = Buffer.alloc(0)
  #size = 0

  /** `limit`: bytes of environment and standard input. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The request, once it is whole. Throws TooLarge, and Malformed for what no launcher says. */
  push(chunk: Buffer): Request | undefined {
    this.#size += chunk.length
    if (this.#size > this.#limit) throw refused('TooLarge', `it is larger than ${this.#limit} bytes`)
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const length = rest.length < 4 ? Number.POSITIVE_INFINITY : rest.readUInt32LE(0)
      if (Number.isFinite(length) && length > this.#limit)
        throw refused('TooLarge', `a part of it would be ${length} bytes, and ${this.#limit} is the limit`)
      if (rest.length < 4 + length) {
        this.#rest = rest
        return undefined
      }
      const frame = rest.subarray(4, 4 + length)
      rest = rest.subarray(4 + length)
      if (this.#env === undefined) this.#env = environmentOf(frame)
      else if (length > 0) this.#input.push(frame)
      else if (rest.length > 0) throw refused('Malformed', `${rest.length} bytes follow its end`)
      else return { env: this.#env, stdin: Buffer.concat(this.#input).toString() }
    }
  }
}

/** What a server answers; `out` goes to the launcher's standard output. */
export function writeAnswer(exitCode: number, out: string): Uint8Array {
  const text = Buffer.from(out)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(text.length, 0)
  head.writeUInt32LE(exitCode, 4)
  return Buffer.concat([head, text])
}

/** Of two variables with one name the first counts, as for getenv(3). */
function environmentOf(bytes: Buffer): Record<string, string> {
  if (bytes.length > 0 && bytes.at(-1) !== 0) throw refused('Malformed', 'its environment does not end with a NUL')
  const env: Record<string, string> = Object.create(null) as Record<string, string>
  for (const text of bytes.toString().split('\0')) {
    const at = text.indexOf('=')
    if (at > 0) env[text.slice(0, at)] ??= text.slice(at + 1)
  }
  return env
}

function refused(code: string, say: string): KubehopError {
  return new KubehopError('kernel', 'read a request', code, say)
}
