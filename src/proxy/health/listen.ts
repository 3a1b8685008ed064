import { createServer, type Server, type Socket } from 'node:net'
import type { Address } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import type { Netns } from '../../kernel/netns.ts'
import { listenTcp } from '../../kernel/socket.ts'

export interface ListenOptions {
  readonly ns?: Netns | undefined
  readonly address: Address
  readonly port: number
  readonly take: (socket: Socket) => void
  /** What is in the way; undefined when nothing is any more. Also called before `keepListening` has returned. */
  readonly onProblem: (say: string | undefined) => void
}

export interface Listening {
  close(): void
}

/** The first wait, doubled up to the last one. Milliseconds. */
const firstRetry = 500
const lastRetry = 30_000

/** Listens as soon as it can, and again when it no longer could: whoever has the port may leave it, an address may come later. */
export function keepListening({ ns, address, port, take, onProblem }: ListenOptions): Listening {
  let server: Server | undefined
  let retry: NodeJS.Timeout | undefined
  let wait = firstRetry
  let said: string | undefined
  open()
  return {
    close() {
      clearTimeout(retry)
      server?.close()
      server = undefined
    },
  }

  function open(): void {
    const opened = createServer({ noDelay: true }, take)
    opened.on('error', (error) => {
      if (server === opened) later(error)
    })
    try {
      opened.listen({ fd: listenTcp(ns, address, port) })
    } catch (error) {
      return later(error)
    }
    server = opened
    wait = firstRetry
    tell(undefined)
  }

  function later(error: unknown): void {
    server?.close()
    server = undefined
    retry = setTimeout(open, wait).unref()
    wait = Math.min(wait * 2, lastRetry)
    tell(messageOf(error))
  }

  function tell(say: string | undefined): void {
    if (say === said) return
    said = say
    onProblem(say)
  }
}
