import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServicePort } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { parseTarget } from '../../trace/ask/target.ts'
import { tell } from '../../trace/tell/tell.ts'
import { told } from '../../trace/testing/across.ts'
import { check } from './07-ports.ts'
import { asked, at, ended, sent } from './testing-levels/cases.ts'

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

test('a targetPort that is a name is known by its number, a node port by its protocol', () => {
  const [web] = told.cluster.services
  assert.ok(web)
  const ports: ServicePort[] = [
    { name: 'http', port: 80, targetPort: 'http', nodePort: 30_080, protocol: 'TCP' },
    { name: 'dns', port: 53, targetPort: 'dns', nodePort: 30_053, protocol: 'UDP' },
  ]
  const [slice] = told.cluster.slices
  assert.ok(slice)
  const named = [
    { name: 'http', port: 8080, protocol: 'TCP' as const },
    { name: 'dns', port: 5353, protocol: 'UDP' as const },
  ]
  const cluster = {
    ...told.cluster,
    services: [{ ...web, spec: { ...web.spec, ports } }],
    slices: [{ ...slice, ports: named }],
  }
  const node = '192.168.50.12'
  const rows: [string, ReturnType<typeof at>, string, RegExp][] = [
    ['http://web:8080/', at('100.64.0.20', 8080), 'NoSuchPort', /8080 is its targetPort, which its pods have/],
    [
      `http://${node}:8080/`,
      at(node, 8080),
      'PortOfService',
      /8080 is a port of service shop\/web, and node2 was asked/,
    ],
    [`udp://${node}:5353`, at(node, 5353), 'PortOfService', /5353 is a port of service shop\/web/],
    [
      `tcp://${node}:30053`,
      at(node, 30_053),
      'PortOfService',
      /30053 is a node port of service shop\/web by UDP, .* by TCP/,
    ],
  ]
  for (const [text, to, code, say] of rows) {
    const found = check.find(asked(text, { cluster, to, result: sent('refused') }))
    assert.deepEqual(
      found.map((one) => one.code),
      [code],
      text,
    )
    assert.match(found[0]?.say ?? '', say)
  }
  const pod = '100.96.2.2'
  const [of] = check.find(ended({ cluster, target: parseTarget(`${pod}:80`), to: at(pod, 80) }, { verdict: 'refused' }))
  assert.deepEqual([of?.code, of?.fix], ['PortOfPod', `ask for ${pod}:8080, or the service`])
})

test('an external IP that is a node’s address is the service’s by its ports alone', () => {
  const [web] = told.cluster.services
  assert.ok(web)
  const node = '192.168.50.12'
  const spec = { ...web.spec, externalIPs: [node], ports: [{ port: 8880, targetPort: 8080 }] }
  const cluster = { ...told.cluster, services: [{ ...web, spec }] }
  const ask = (port: number) => asked(`tcp://${node}:${port}`, { cluster, to: at(node, port), result: sent('refused') })
  assert.deepEqual(check.find(ask(9999)), [])
})
