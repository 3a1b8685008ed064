// kill -9 of an agent in the middle of a trace: the kernel closes its sockets, and with them goes everything; others go on.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { address } from '../../src/base/address.ts'
import { inNetns } from '../../src/kernel/netns.ts'
import { traceLive } from '../../src/trace/live/live.ts'
import type { LiveSpec } from '../../src/trace/live/spec.ts'
import type { LiveFlow } from '../../src/trace/live/types.ts'
import type { WatchSpec } from '../../src/trace/observe/spec.ts'
import { pair, tablesOf } from './trace-pair.ts'
import type { World } from './trace-world.ts'

let world: World
before(async () => {
  world = await pair()
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** What traces leave in node1's kernel while they run: tables, and packet sockets. */
function traces(): { tables: string[]; sockets: number } {
  const ns = world.node('node1')
  const tables = tablesOf(ns).filter((name) => name.startsWith('kubehop-trace-'))
  const lines = inNetns(ns, () => readFileSync('/proc/thread-self/net/packet', 'latin1').trim().split('\n'))
  return { tables, sockets: lines.length - 1 }
}

/** The kernel tells nobody when it has put a dead process's sockets away: it has to be asked. */
async function becomes(expected: ReturnType<typeof traces>): Promise<void> {
  for (const until = Date.now() + 10_000; ; ) {
    const now = traces()
    if (now.sockets === expected.sockets && now.tables.join() === expected.tables.join()) return
    assert.ok(Date.now() < until, `${JSON.stringify(now)} is left`)
    await setTimeout(5)
  }
}

const common = { id: '0000dead', protocol: 'tcp', pods: [], seconds: 60 } as const
const specs = (): Record<string, WatchSpec | LiveSpec> => ({
  'a trace': { ...common, port: 40_000, addresses: [address(world.addressOf('client'))] },
  'a watch': {
    ...common,
    live: true,
    from: [address(world.addressOf('client'))],
    asked: [{ address: address('100.64.0.21'), port: 80 }],
    behind: [],
    wide: [],
    client: 'machine',
    rate: 100,
  },
})

for (const what of ['a trace', 'a watch'])
  test(`an agent that is killed in the middle of ${what} leaves no table and no socket, and another watch goes on`, async () => {
    await becomes({ tables: [], sockets: 0 })
    const stop = new AbortController()
    const flows: LiveFlow[] = []
    const first = Promise.withResolvers<void>()
    const other = (async () => {
      const options = { ...world.around(), from: 'client', to: 'svc/far-svc', seconds: 60, stop: stop.signal }
      for await (const event of traceLive(options)) {
        if (event.kind === 'watching') first.resolve()
        if (event.kind === 'flow') flows.push(event.flow)
      }
    })()
    await first.promise
    const standing = traces()
    const child = inNetns(world.node('node1'), () =>
      spawn(process.execPath, [resolve('test/kernel/trace-killed-agent.ts'), JSON.stringify(specs()[what])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
    await once(child.stdout, 'data')
    const both = traces()
    assert.deepEqual(both.tables.toSorted(), [...standing.tables, 'kubehop-trace-0000dead'].sort())
    assert.ok(both.sockets > standing.sockets)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await becomes(standing)
    const trace = await world.trace('client', 'http://100.64.0.21/')
    assert.ok(trace.agrees && trace.verdict === 'delivered', JSON.stringify(trace.why))
    stop.abort()
    await other
    assert.deepEqual(
      flows.map(({ verdict, src }) => [verdict, src]),
      [['delivered', trace.hops[0]?.packet.src]],
    )
    await becomes({ tables: [], sockets: 0 })
  })
