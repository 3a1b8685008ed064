// An API server's services, their slices and nodes, in a process of its own: as much of one as a service proxy asks for.
// Changes are made by command, over IPC.      api.ts SERVICES ENDPOINTS
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from '../../src/api/client/http.ts'
import { StubApi } from '../harness/stub-api.ts'
import { type Change, changesAmong, exchangesAmong } from './changes.ts'
import { manyServed, ownNode } from './make.ts'
import { stamped } from './stamp.ts'

export type Command =
  /** Single changes, so many, so far apart. */
  | { readonly do: 'changes'; readonly count: number; readonly gapMs: number }
  /** One endpoint of one service for another, so many times a second. */
  | { readonly do: 'storm'; readonly perSecond: number; readonly seconds: number }

export type Answer =
  | { readonly connection: Connection }
  /** How many changes were written; of single ones, when each was (CLOCK_MONOTONIC, milliseconds). */
  | { readonly written: number; readonly times: readonly number[] }

const [services = 0, endpoints = 3] = process.argv.slice(2).map(Number)

let lastId = 0
const api = new StubApi(['Service', 'EndpointSlice', 'Node'])
api.load([ownNode])
for (const { service, slice } of manyServed(services, endpoints)) api.load([service, slice])
const changes = changesAmong(services, endpoints)
const exchanges = exchangesAmong(services, endpoints)

process.on('message', (command: Command) => void obey(command))
say({ connection: await api.listen() })

function say(message: Answer): void {
  process.send?.(message)
}

async function obey(command: Command): Promise<void> {
  say(command.do === 'changes' ? await oneByOne(command) : await storm(command))
}

async function oneByOne({ count, gapMs }: { count: number; gapMs: number }): Promise<Answer> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    times.push(Number(process.hrtime.bigint()) / 1e6)
    make(changes.next().value)
    await pause(gapMs)
  }
  return { written: count, times }
}

async function storm({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<Answer> {
  const begun = performance.now()
  let written = 0
  while (written < perSecond * seconds) {
    const due = Math.min(((performance.now() - begun) * perSecond) / 1000, perSecond * seconds)
    for (; written < due; written++) {
      const { slice } = exchanges.next().value
      api.put(stamped(slice, { id: ++lastId, parts: 1, kind: 'endpoint exchanged', at: process.hrtime.bigint() }))
    }
    await pause(1)
  }
  return { written, times: [] }
}

function make({ kind, before, after }: Change): void {
  const stamp = { id: ++lastId, kind, at: process.hrtime.bigint() }
  if (after && before) api.put(stamped(after.slice, { ...stamp, parts: 1 }))
  else if (after) {
    api.put(stamped(after.service, { ...stamp, parts: 2 }))
    api.put(stamped(after.slice, { ...stamp, parts: 2 }))
  } else if (before) {
    // Once the service is gone, its slice means nothing to the kernel.
    api.remove(stamped(before.service, { ...stamp, parts: 1 }))
    api.remove(before.slice)
  }
}
