import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { allowedCores, pin } from '../harness/cores.ts'
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

/**
 * Who calls and who answers share one core, but for streams. With two, a round trip is little else than one core waking another, 70 µs on a virtual machine
 * beside 7 µs of work, and connections are three times as slow or not as the scheduler happens to place the two.
 */
export async function openEnds(client: Netns, server: Netns): Promise<Ends> {
  const [core] = allowedCores()
  const caller = await start(client, ['client'])
  const together = [
    caller,
    await start(server, ['echo', String(echoPort)]),
    await start(server, ['greet', String(greetPort)]),
  ]
  if (core !== undefined) for (const { pid = 0 } of together) pin(pid, core)
  const sender = await start(client, ['client'])
  const children = [...together, sender, await start(server, ['sink', String(streamPort)])]
  return {
    ask: (ask) => answerOf(ask.kind === 'stream' ? sender : caller, ask),
    close() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

async function answerOf(child: ChildProcess, ask: Ask): Promise<Answer> {
  const ended = new AbortController()
  const answer = once(child, 'message', { signal: ended.signal }) as Promise<[Answer]>
  const died = (): void => ended.abort(new Error('the measuring process ended'))
  child.once('exit', died)
  child.send(ask)
  try {
    return (await answer)[0]
  } finally {
    child.off('exit', died)
  }
}

async function start(ns: Netns, args: string[]): Promise<ChildProcess> {
  const child = inNetns(ns, () =>
    fork(join(import.meta.dirname, 'talk.ts'), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  )
  await once(child, 'message')
  return child
}
