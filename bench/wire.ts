import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds } from './harness/rounds.ts'
import { type Ends, greetPort, openEnds, streamPort } from './wire/ends.ts'
import { byHand, ours } from './wire/places.ts'

const limit = 'bridge and veth made by hand'
const servicePort = 80

/** What Kubehop's wire costs over the barest one that Linux can make. */
export const bench: Bench = {
  about: 'pod to pod and pod to service on one node, against a bridge and veth pairs made by hand',
  where: 'namespaces',
  async run({ long, say }): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
    const opened: Ends[] = []
    try {
      const bare = byHand()
      const few = ours(10, join(folder, 'few'))
      const [most, mostSaid] = long ? [100_000, '100,000'] : [10_000, '10,000']
      const many = ours(most, join(folder, 'many'))
      const [bareEnds, fewEnds, manyEnds] = [
        await openEnds(bare.client, bare.server),
        await openEnds(few.client, few.server),
        await openEnds(many.client, many.server),
      ]
      opened.push(bareEnds, fewEnds, manyEnds)

      const ms = long ? 1000 : 400
      const count = long ? 15 : 7
      const stream = (ends: Ends, address: string, port: number) => () =>
        ends.ask({ kind: 'stream', address, port, ms })
      const connections = (ends: Ends, address: string, port: number) => () =>
        ends.ask({ kind: 'connections', address, port, ms })

      say('one stream')
      const speed = await rounds(count, {
        bare: stream(bareEnds, bare.address, streamPort),
        pod: stream(fewEnds, few.address, streamPort),
        service: stream(fewEnds, few.service, servicePort),
        among: stream(manyEnds, many.service, servicePort),
      })
      say('new connections')
      const news = await rounds(count, {
        bare: connections(bareEnds, bare.address, greetPort),
        pod: connections(fewEnds, few.address, greetPort),
        service: connections(fewEnds, few.greeting, servicePort),
        among: connections(manyEnds, many.greeting, servicePort),
      })
      const row = (what: string, unit: string, mine: number[], peer: number[], name = limit): Row => ({
        what,
        unit,
        better: 'higher',
        figure: figure(mine),
        peer: { what: name, figure: figure(peer) },
      })
      return {
        rows: [
          { ...row('pod to pod, one stream', 'Gbit/s', speed.pod, speed.bare), reach: '0.98 x' },
          { ...row('pod to service, one of 10', 'Gbit/s', speed.service, speed.bare), reach: '0.95 x' },
          { ...row(`pod to service, one of ${mostSaid}`, 'Gbit/s', speed.among, speed.bare), reach: '0.95 x' },
          row('new connections, pod to pod', '/s', news.pod, news.bare),
          row('new connections, to one of 10 services', '/s', news.service, news.bare),
          {
            ...row(`new connections, to one of ${mostSaid} services`, '/s', news.among, news.service, 'to one of 10'),
            reach: 'flat (1 x)',
          },
        ],
        notes: [
          'sender and receiver are two processes with blocking system calls (bench/wire/talk.ts), no iperf3; 128 KiB at a time, MTU 1500',
          'the bridge made by hand has no packet filter (bridge-nf-call-iptables 0) and no connection tracking',
        ],
      }
    } finally {
      for (const ends of opened) ends.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
