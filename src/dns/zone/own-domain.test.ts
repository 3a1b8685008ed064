import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import type { types } from '../wire/message.ts'

const log = pino({ level: 'silent' })

test("a domain and a TTL of one's own are in every answer, and cluster.local is somebody else's", async () => {
  const rows: [name: string, type: keyof typeof types, expected: string][] = [
    ['svc1.testns.svc.k8s.corp.example', 'A', 'NOERROR 10.0.0.1'],
    ['svc1.testns.svc.k8s.corp.example', 'AAAA', 'NOERROR ~SOA=k8s.corp.example'],
    ['nosuch.testns.svc.k8s.corp.example', 'A', 'NXDOMAIN ~SOA=k8s.corp.example'],
    ['svc1.testns.svc.k8s.corp.example', 'SRV', 'NOERROR 0/100/80/svc1.testns.svc.k8s.corp.example +10.0.0.1'],
    ['k8s.corp.example', 'SOA', 'NOERROR SOA=k8s.corp.example'],
    ['k8s.corp.example', 'NS', 'NOERROR NS=ns.dns.k8s.corp.example +10.0.0.10'],
    ['dns-version.k8s.corp.example', 'TXT', 'NOERROR "1.1.0"'],
    ['10-240-0-1.podns.pod.k8s.corp.example', 'A', 'NOERROR 10.240.0.1'],
    ['1.0.0.10.in-addr.arpa', 'PTR', 'NOERROR PTR=svc1.testns.svc.k8s.corp.example'],
    ['99.0.0.10.in-addr.arpa', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
    ['corp.example', 'A', 'REFUSED'],
    ['svc1.testns.svc.cluster.local', 'A', 'REFUSED'],
  ]
  for (const ttl of [0, 7, 3600]) {
    const zone = zoneOf({ zone: 'k8s.corp.example', ttl })
    const server = new Responder({ ...handlerList({ zone, synced: () => true }), log })
    // What is ready has to say the same.
    for (const [name, type, expected] of rows)
      for (const _ of ['first', 'again']) {
        const message = read((await server.react(queryOf(name, type), overUdp)) ?? Buffer.alloc(0))
        assert.equal(summary(message), expected, `${name} ${type}`)
        for (const record of [...message.answers, ...message.authorities, ...message.additionals])
          assert.equal(record.ttl, ttl, `${name} ${type}: ${record.type}`)
        for (const record of message.authorities)
          assert.equal('minimum' in record && record.minimum, ttl, `${name} ${type}: "there is none"`)
      }
  }
})
