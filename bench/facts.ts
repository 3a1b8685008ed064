import { setImmediate } from 'node:timers/promises'
import { address } from '../src/base/address.ts'
import { listenTcp } from '../src/kernel/socket.ts'
import { closeSync } from 'node:fs'
import { gatherMachine } from '../src/doctor/gather/machine.ts'
import { environmentOf } from '../test/kernel/doctor-world.ts'
import { World } from '../test/kernel/trace-world.ts'
import type { Bench, Outcome } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds, timed } from './harness/rounds.ts'

const pods = 100

/** What the doctor costs a node: its agent reads everything while it does its other work. */
export const bench: Bench = {
  about: `what a node's kernel says of itself and of ${pods} pods, and how long its agent's event loop is held meanwhile`,
  where: 'namespaces',
  async run({ long, say }): Promise<Outcome> {
    say(`${pods} pods, each with a socket that waits`)
    await using world = new World()
    const sockets: number[] = []
    for (let at = 0; at < pods; at++) sockets.push(listenTcp(world.pod(`pod-${at}`, 'node1'), address('0.0.0.0'), 8080))
    const environment = environmentOf(world, 'node1')
    const held: number[] = []
    const times = await rounds(long ? 40 : 10, {
      facts: async () => {
        const longest = longestTurn()
        const ms = await timed(() => gatherMachine(environment))
        held.push(await longest.stop())
        return ms
      },
    })
    for (const fd of sockets) closeSync(fd)
    return {
      rows: [
        { what: `facts of ${pods} pods`, unit: 'ms', better: 'lower', reach: '100 ms', figure: figure(times.facts) },
        { what: 'longest turn of the event loop', unit: 'ms', better: 'lower', figure: figure(held.slice(1)) },
      ],
      notes: [
        'links, addresses, routes, neighbours and sockets of each pod, the processes that hold them, and of the node its bridges and connections, too',
      ],
    }
  },
}

/** How long nothing else could be done. */
function longestTurn(): { stop(): Promise<number> } {
  const ending = new AbortController()
  let longest = 0
  const running = (async () => {
    for (let last = performance.now(); !ending.signal.aborted; ) {
      await setImmediate()
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    return longest
  })()
  return {
    stop() {
      ending.abort()
      return running
    },
  }
}
