// The service proxy as an agent runs it, in a process of its own: the real client, following an API server over HTTPS, and the real kernel of a fresh
// network namespace. What it tells is asked for over IPC.
import { openSync, writeSync } from 'node:fs'
import { pino } from 'pino'
import type { Change, Client, FollowOptions } from '../../src/api/client/client.ts'
import { connect, type Connection } from '../../src/api/client/http.ts'
import type { KubeObject } from '../../src/api/objects/meta.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { committedMessage, runOurs } from './ours.ts'
import { type Stamp, stampOf } from './stamp.ts'

export type Order =
  /** Follow this API server, and say when the kernel holds what the first lists say. */
  | { readonly start: Connection }
  /** Count from now on. */
  | { readonly begin: true }
  /** Tell when so many changes are in the kernel since then. */
  | { readonly after: number }

/** One change: from its writing to its being in the kernel, milliseconds. */
export interface Seen {
  readonly kind: string
  readonly ms: number
}

/** What was seen since the beginning of the count, in the order of commits. */
export interface Figures {
  readonly seen: readonly Seen[]
  readonly commits: number
  /** Processor time, and time. */
  readonly cpuMs: number
  readonly wallMs: number
}

export type Told = { readonly syncedMs: number } | Figures | 'ready' | 'counting'

const nowhere = openSync('/dev/null', 'w')
/** Parts of changes that have arrived, and are not in the kernel. */
const arrived = new Map<number, { kind: string; at: bigint; missing: number }>()
const stamps = new WeakMap<KubeObject, Stamp>()
const begunAt = process.hrtime.bigint()
let seen: Seen[] = []
let commits = 0
let awaited = Number.POSITIVE_INFINITY
let [cpu, wall] = [process.cpuUsage(), performance.now()]

const log = pino(
  { level: 'info', base: { component: 'bench' } },
  {
    // What it says goes nowhere, but is written, as an agent's log is.
    write(line: string) {
      if (line.includes(committedMessage)) committed(process.hrtime.bigint())
      else if (/"level":[456]0/.test(line)) process.stderr.write(line)
      writeSync(nowhere, line)
    },
  },
)

process.on('message', (order: Order) => {
  if ('start' in order) void start(order.start)
  else if ('begin' in order) begin()
  else {
    awaited = order.after
    tellWhenDone()
  }
})
tell('ready')

function tell(message: Told): void {
  process.send?.(message)
}

async function start(connection: Connection): Promise<void> {
  const begun = performance.now()
  const client = connect(connection, { log })
  const follow: Client['follow'] = (kind, options) => client.follow(kind, noting(options))
  await runOurs({ ...client, follow }, createNetns(), log)
  tell({ syncedMs: performance.now() - begun })
}

/** Notes what arrives, before the proxy is told. */
function noting<T extends KubeObject>(options: FollowOptions<T> = {}): FollowOptions<T> {
  return {
    ...options,
    // Here an object still has its annotations.
    shape(object) {
      const shaped = options.shape?.(object) ?? object
      const stamp = stampOf(object)
      // A first list may bring stamps of long ago along.
      if (stamp && stamp.at > begunAt) stamps.set(shaped, stamp)
      return shaped
    },
    onChange(change: Change<T>) {
      const stamp = stamps.get(change.object)
      if (stamp) {
        const { id, kind, at, parts } = stamp
        arrived.set(id, { kind, at, missing: (arrived.get(id)?.missing ?? parts) - 1 })
      }
      options.onChange?.(change)
    },
  }
}

/** Everything that has arrived by now is in the kernel. */
function committed(at: bigint): void {
  commits++
  for (const [id, change] of arrived) {
    if (change.missing > 0) continue
    seen.push({ kind: change.kind, ms: Number(at - change.at) / 1e6 })
    arrived.delete(id)
  }
  tellWhenDone()
}

function begin(): void {
  seen = []
  commits = 0
  cpu = process.cpuUsage()
  wall = performance.now()
  tell('counting')
}

function tellWhenDone(): void {
  if (seen.length < awaited) return
  awaited = Number.POSITIVE_INFINITY
  const { user, system } = process.cpuUsage(cpu)
  tell({ seen, commits, cpuMs: (user + system) / 1000, wallMs: performance.now() - wall })
}
