import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServicePort } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { parseTarget } from '../../trace/ask/target.ts'
import { tell } from '../../trace/tell/tell.ts'
import { told } from '../../trace/testing/across.ts'
import { check } from './07-ports.ts'

/** What is advised to who asks `text` of service web, which has these ports. */
function advice(text: string, port: number, ...ports: ServicePort[]): string | undefined {
  const services = told.cluster.services.map((one) => ({ ...one, spec: { ...one.spec, ports } }))
  const cluster = { ...told.cluster, services }
  let request: Case | undefined
  tell(
    {
      ...told,
      cluster,
      dns: [],
      observations: [],
      target: parseTarget(text),
      to: { address: address('100.64.0.20'), port },
      result: { kind: 'sent', outcome: 'refused', ms: 1 },
    },
    (one) => {
      request = one
      return []
    },
  )
  assert.ok(request)
  return check.find({ cluster, machines: [], now: 0, request })[0]?.fix
}
const tcp = (port: number, targetPort = 8080): ServicePort => ({ port, targetPort, protocol: 'TCP' })
const udp = (port: number): ServicePort => ({ port, targetPort: 5353, protocol: 'UDP' })

test('what to ask instead is what helps: another port, another protocol, or another scheme', () => {
  const rows: [string, number, ServicePort[], string][] = [
    ['http://web:8080/', 8080, [tcp(80)], 'ask for port 80, or add port 8080 to the service'],
    ['udp://web:80', 80, [tcp(80)], 'ask by TCP: tcp://web:80, or add port 80/UDP to the service'],
    ['tcp://svc/web:53', 53, [tcp(80), udp(53)], 'ask by UDP: udp://svc/web:53, or add port 53 to the service'],
    ['udp://100.64.0.20:81', 81, [tcp(80)], 'ask by TCP: tcp://100.64.0.20:80, or add port 81/UDP to the service'],
    ['tcp://web:81', 81, [udp(53), tcp(80)], 'ask for port 80, or add port 81 to the service'],
    ['dns://other', 53, [tcp(53)], 'ask by TCP: tcp://100.64.0.20:53, or add port 53/UDP to the service'],
    ['https://web/a?b', 443, [tcp(80)], 'use http://web/a?b, or add port 443 to the service'],
    ['http://web/', 80, [tcp(443)], 'use https://web/, or add port 80 to the service'],
    ['http://web/', 80, [udp(443)], 'ask by UDP: udp://web:443, or add port 80 to the service'],
    ['https://web:8443/', 8443, [tcp(80)], 'ask for port 80, or add port 8443 to the service'],
    ['https://web/', 443, [tcp(80, 443)], 'ask for port 80, or add port 443 to the service'],
    ['http://web/', 80, [tcp(6379)], 'ask for port 6379, or add port 80 to the service'],
    ['http://web/', 80, [], 'add port 80 to the service'],
  ]
  for (const [text, port, ports, expected] of rows) assert.equal(advice(text, port, ...ports), expected, text)
})
