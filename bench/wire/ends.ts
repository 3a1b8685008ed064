import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import type { Answer, Ask } from './talk.ts'

export const streamPort = 5001
export const greetPort = 5002
export const echoPort = 5003

/** Two pods that talk: one asks, the other serves on three ports. */
export interface Ends {
  ask(ask: Ask): Promise<Answer>
  close(): void
}

export async function openEnds(client: Netns, server: Netns): Promise<Ends> {
  const children = [
    await start(server, ['sink', String(streamPort)]),
    await start(server, ['greet', String(greetPort)]),
    await start(server, ['echo', String(echoPort)]),
    await start(client, ['client']),
  ]
  const asking = children[3] as ChildProcess
  return {
    async ask(ask) {
      const ended = new AbortController()
      const answer = once(asking, 'message', { signal: ended.signal }) as Promise<[Answer]>
      const died = (): void => ended.abort(new Error('the measuring process ended'))
      asking.once('exit', died)
      asking.send(ask)
      try {
        return (await answer)[0]
      } finally {
        asking.off('exit', died)
      }
    },
    close() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

async function start(ns: Netns, args: string[]): Promise<ChildProcess> {
  const child = inNetns(ns, () =>
    fork(join(import.meta.dirname, 'talk.ts'), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  )
  await once(child, 'message')
  return child
}
