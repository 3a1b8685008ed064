import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Verdict } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

// Every kind of sender to every kind of destination: what becomes of it, where it ends, and that it was foretold.

let world: World
before(async () => {
  world = new World()
  const hostPorts = [{ hostPort: 8888, containerPort: 8080 }]
  world.pod('client', 'node1')
  world.pod('near', 'node1', {}, 'shop', { hostPorts })
  world.pod('far', 'node2', {}, 'shop', { hostPorts })
  world.pod('agent', 'node1', {}, 'shop', { hostNetwork: true })
  world.pod('exporter', 'node2', {}, 'shop', { hostNetwork: true })
  const ports = (nodePort: number) => ({ ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' as const, nodePort }] })
  world.service('near-svc', '100.64.0.20', 80, 8080, ['near'])
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  world.service('nobody', '100.64.0.22', 80, 8080, [])
  world.service('open', '100.64.0.23', 80, 8080, ['far'], { type: 'NodePort', ...ports(30080) })
  world.service('big', '100.64.0.24', 80, 8080, ['near'], { type: 'LoadBalancer', ...ports(30081) })
  world.service('local', '100.64.0.25', 80, 8080, ['far'], {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ...ports(30082),
  })
  world.service('hosts', '100.64.0.26', 80, 9100, ['exporter'])
  world.service('pets', 'None', 8080, 8080, ['far'])
  world.balance('big', '203.0.113.7')
  world.balance('local', '203.0.113.8')
  world.service('kubernetes', '100.64.0.1', 443, 6443, [])
  const api = world.slices.at(-1)
  if (api) api.endpoints = [{ addresses: ['192.168.50.2'], conditions: { ready: true } }]
  world.resolvConf = ''
  world.teach()
  await Promise.all([world.web('near'), world.web('far'), world.web('exporter', 9100), world.web('control', 6443)])
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const senders = ['client', 'near', 'far', 'agent', 'node/node1', 'node/node2', 'outside'] as const

/** The verdict, and where the request was seen last; where senders differ, by sender. */
type Outcome = readonly [Verdict, string]
type Expected = Outcome | (Partial<Record<(typeof senders)[number], Outcome>> & { readonly else: Outcome })

/** What leads to the control plane's machine, which nobody watches, was seen last where it went onto the wire. */
const toWire = (verdict: Verdict, outside: Outcome = [verdict, 'router']): Expected => ({
  else: [verdict, 'node1'],
  far: [verdict, 'node2'],
  'node/node2': [verdict, 'node2'],
  outside,
})

const table: Record<string, Expected> = {
  'pod/near:8080': ['delivered', 'near'],
  'pod/far:8080': ['delivered', 'far'],
  'pod/far:81': ['refused', 'far'],
  'icmp://pod/far': ['delivered', 'far'],
  'pod/exporter:9100': ['delivered', 'node2'],
  'node/node2:9100': ['delivered', 'node2'],
  'node/node2:9101': ['refused', 'node2'],
  'icmp://node/node1': ['delivered', 'node1'],
  'svc/near-svc': { else: ['delivered', 'near'], outside: ['unreachable', 'router'] },
  'svc/far-svc': { else: ['delivered', 'far'], outside: ['unreachable', 'router'] },
  'svc/hosts': { else: ['delivered', 'node2'], outside: ['unreachable', 'router'] },
  'svc/open': ['delivered', 'far'],
  'svc/big': ['delivered', 'near'],
  'svc/local': ['delivered', 'far'],
  'svc/pets': {
    else: ['name-not-found', ''],
    agent: ['delivered', 'far'],
    'node/node1': ['delivered', 'far'],
    'node/node2': ['delivered', 'far'],
    outside: ['delivered', 'far'],
  },
  '192.168.50.11:30080': ['delivered', 'far'],
  '192.168.50.12:30081': ['delivered', 'near'],
  '203.0.113.7:80': ['delivered', 'near'],
  '203.0.113.8:80': ['delivered', 'far'],
  'node/node1:8888': ['delivered', 'near'],
  'node/node2:8888': ['delivered', 'far'],
  'svc/kubernetes': toWire('delivered', ['unreachable', 'router']),
  'http://192.168.50.2:6443/': toWire('delivered'),
  '192.168.50.2:6444': toWire('refused'),
  'udp://192.168.50.2:6444': toWire('refused'),
  'icmp://192.168.50.2': toWire('delivered'),
  'http://web/': ['name-not-found', ''],
}

for (const [to, expected] of Object.entries(table))
  test(`to ${to}`, async () => {
    for (const from of senders) {
      const trace = await world.trace(from, to)
      const [verdict, place] = 'else' in expected ? (expected[from] ?? expected.else) : expected
      const story = `${from} to ${to}: ${JSON.stringify(trace, null, 1)}`
      assert.deepEqual([trace.verdict, trace.hops.at(-1)?.place ?? ''], [verdict, place], story)
      assert.ok(trace.agrees, story)
    }
  })

test('where nobody watches, the story says so', async () => {
  const last = async (from: string): Promise<string> =>
    (await world.trace(from, 'svc/kubernetes')).hops.at(-1)?.say ?? ''
  const unseen = '192.168.50.2 is not watched: what it does with the packet is not seen'
  assert.equal(await last('client'), `192.168.50.2 is a machine on the same wire: straight to it; ${unseen}`)
  assert.equal(await last('node/node2'), `192.168.50.2 is a machine on the same wire: straight to it; ${unseen}`)
  const outside = await world.trace('outside', '192.168.50.2:6443')
  assert.equal(outside.hops.at(-1)?.say, `192.168.50.2 is on this very wire; ${unseen}`)
})
