import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type LiveOptions, traceLive } from '../../src/trace/live/live.ts'
import type { LiveEvent, LiveFlow, LiveTrace } from '../../src/trace/live/types.ts'
import { World } from './trace-world.ts'

/** A client, others, services, and programs that really talk. */
export class LiveWorld extends World {
  static async start(): Promise<LiveWorld> {
    const world = new LiveWorld()
    world.pod('client', 'node1')
    world.pod('other', 'node1')
    world.pod('near', 'node1')
    world.pod('far', 'node2')
    world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
    world.service('self', '100.64.0.22', 80, 8080, ['client'])
    world.service('both', '100.64.0.23', 80, 8080, ['near', 'far'])
    world.service('nobody', '100.64.0.25', 80, 8080, [])
    world.service('echo', '100.64.0.24', 7, 7007, ['far'], { ports: [{ port: 7, targetPort: 7007, protocol: 'UDP' }] })
    world.teach()
    await Promise.all([world.web('client'), world.web('near'), world.web('far')])
    await world.program(
      'far',
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address)).bind(7007, () => console.log('ready'))`,
    )
    return world
  }

  /** Watches; `meanwhile` runs once everything stands, and its end ends the watch. */
  async live(
    from: string,
    to: string,
    meanwhile: () => Promise<unknown>,
    options: Partial<LiveOptions> = {},
  ): Promise<Seen> {
    const stop = new AbortController()
    const events: LiveEvent[] = []
    let running: Promise<unknown> | undefined
    for await (const event of traceLive({ ...this.around(), from, to, seconds: 60, stop: stop.signal, ...options })) {
      events.push(event)
      if (event.kind === 'watching') running = meanwhile().finally(() => stop.abort())
    }
    await running
    const [first, last] = [events[0], events.at(-1)]
    assert.equal(first?.kind, 'watching')
    assert.ok(last?.kind === 'summary', JSON.stringify(last))
    return { flows: events.flatMap((event) => (event.kind === 'flow' ? [event.flow] : [])), trace: last.trace }
  }

  /** A program in a pod that runs to its end. */
  async run(pod: string, script: string): Promise<void> {
    const child: ChildProcess = await this.program(pod, `console.log('begin'); ${script}`)
    if (child.exitCode === null) await once(child, 'exit')
  }
}

interface Seen {
  readonly flows: LiveFlow[]
  readonly trace: LiveTrace
}

/** Asks so many times, one after another, each time by a connection of its own. */
export const get = (address: string, times: number): string =>
  `(async () => { for (let i = 0; i < ${times}; i++) await fetch('http://${address}/', { headers: { connection: 'close' } }).then((r) => r.text(), () => {}) })()`
