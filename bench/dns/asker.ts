import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { queryOf, read } from '../../src/dns/testing/ask.ts'
import { rcodes } from '../../src/dns/wire/message.ts'

/** One question at a time, about addresses. */
export class Asker implements Disposable {
  readonly #socket: Socket
  #lastId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async open(port: number): Promise<Asker> {
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    // That nobody listens is told to the one who waits for an answer; it may come when nobody waits any more.
    socket.on('error', () => {})
    return new Asker(socket)
  }

  /** Addresses; none when there is no such name; undefined for any other answer, and for none. */
  async ask(name: string): Promise<string[] | undefined> {
    const id = (this.#lastId = (this.#lastId + 1) & 0xffff)
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), lateMs)
    try {
      const answer = once(this.#socket, 'message', { signal: late.signal }) as Promise<[Buffer]>
      this.#socket.send(queryOf(name, 'A', { id }))
      for (let reply = (await answer)[0]; ; ) {
        const { id: of, rcode, answers } = read(reply)
        if (of === id && rcode === rcodes.NXDOMAIN) return []
        if (of === id)
          return rcode === rcodes.NOERROR
            ? answers.flatMap((record) => (record.type === 'A' ? [record.address] : []))
            : undefined
        // An answer that came too late.
        reply = ((await once(this.#socket, 'message', { signal: late.signal })) as [Buffer])[0]
      }
    } catch (error) {
      // Nobody listens yet, or nobody answers.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ECONNREFUSED' && code !== 'ABORT_ERR') throw error
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  /** Asks again and again, at once when an answer is another one. Rejects when it stays so, and when nobody wants to know any more. */
  async until(
    name: string,
    expected: readonly string[],
    { patienceMs = 10_000, signal }: { patienceMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const wanted = expected.toSorted().join()
    for (const begun = performance.now(); performance.now() - begun < patienceMs; ) {
      signal?.throwIfAborted()
      const said = await this.ask(name)
      if (said?.sort().join() === wanted) return
      if (!said) await pause(notYetMs)
    }
    throw new Error(`${name} is not answered with ${wanted || '"no such name"'} after ${patienceMs / 1000} s`)
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

/** For one answer. */
const lateMs = 500
/** Between questions to a server that does not answer. */
const notYetMs = 5
