import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { State } from './server.ts'

export interface Server {
  port: number
  state(): Promise<State>
  close(): void
}

/** A contestant in a process of its own. */
export async function startServer(kind: 'echo' | 'kubehop', services: number): Promise<Server> {
  const child = fork(new URL('./server.ts', import.meta.url), [kind, String(services)])
  const state = async (): Promise<State> => {
    child.send('state')
    const [message] = (await once(child, 'message')) as [State]
    return message
  }
  const [port] = (await once(child, 'message')) as [number]
  return { port, state, close: () => void child.kill() }
}
