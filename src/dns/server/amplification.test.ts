import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { handlerList } from '../handlers/list.ts'
import { overUdp, queryOf } from '../testing/ask.ts'
import { service, slice, zoneOf } from '../testing/cluster.ts'
import type { types } from '../wire/message.ts'
import { Responder } from './responder.ts'

const at = (label: string): string => `${label}.testns.svc.cluster.local`

/** As docs/dns.md has them under "Answers as a weapon". */
const rows: [most: number, name: string, type: keyof typeof types, udpSize?: number][] = [
  [1, 'example.test', 'A'],
  [1.5, at('svc1'), 'A'],
  [1.5, at('svc1'), 'ANY'],
  [1.5, at('svc1'), 'A', 4096],
  [3, at('svc1'), 'AAAA'],
  [3, at('nosuch'), 'A'],
  [3, 'nosuch.cluster.local', 'A'],
  [3, at('nosuch'), 'A', 4096],
  [3, 'cluster.local', 'SOA'],
  [3, 'cluster.local', 'NS'],
  [3, at('_http._tcp.svc1'), 'SRV'],
  [3, '1.0.0.10.in-addr.arpa', 'PTR'],
  [11.2, at('big'), 'A'],
  [11.2, at('big'), 'SRV'],
  [22, at('big'), 'A', 1232],
  [22, at('big'), 'SRV', 1232],
  [72, at('big'), 'A', 4096],
  [72, at('big'), 'SRV', 4096],
  [72, at('big'), 'SRV', 65_535],
]

test('an answer over UDP is no larger a weapon than docs/dns.md says, whatever the client can take', async () => {
  const zone = zoneOf()
  zone.service(service('big', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }), true)
  const addresses = Array.from({ length: 250 }, (_, last) => `172.0.9.${last}`)
  zone.slice(slice('big', addresses), true)
  const server = new Responder({ ...handlerList({ zone, synced: () => true }), log: pino({ level: 'silent' }) })
  for (const [most, name, type, size] of rows) {
    const question = queryOf(name, type, size === undefined ? {} : { opt: { size } })
    const reply = await server.react(question, overUdp)
    const ratio = (reply?.length ?? Infinity) / question.length
    assert.ok(ratio <= most, `${name} ${type} ${size}: ${ratio.toFixed(2)} bytes for each one asked`)
  }
})
