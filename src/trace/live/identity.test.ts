import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { readFrame } from '../packet/frame.ts'
import type { Ip } from '../packet/ip.ts'
import { type FrameWish, frameOf } from '../testing/frames.ts'
import { identities } from './identity.ts'
import type { LiveSpec } from './spec.ts'

const [client, service, pod, node] = ['100.96.1.2', '100.64.0.21', '100.96.2.2', '192.168.50.11']
const spec = (protocol: LiveSpec['protocol']): Pick<LiveSpec, 'protocol' | 'from' | 'asked' | 'behind'> => ({
  protocol,
  from: [address(client), address(node)],
  asked: [{ address: address(service), port: 80 }],
  behind: [{ address: address(pod), port: 8080 }],
})
const ip = (wish: FrameWish): Ip => readFrame(frameOf(wish))?.ip ?? assert.fail()
const to = { from: client, to: service, sourcePort: 4000, destinationPort: 80 }
const words = Buffer.from('the same words each time')

test('a connection is known by its first sequence number, wherever it is seen', () => {
  const identify = identities(spec('tcp'))
  const sequence = 0xffffffff
  const request = identify(ip({ ...to, flags: 0x02, sequence }))
  assert.deepEqual(request, { key: '4294967295', is: 'request', number: sequence })
  assert.deepEqual(
    identify(ip({ ...to, from: node, to: pod, sourcePort: 9, destinationPort: 8080, flags: 0x02, sequence })),
    request,
  )
  assert.deepEqual(identify(ip({ from: pod, to: node, flags: 0x12, acknowledgement: 0 })), { ...request, is: 'answer' })
  assert.deepEqual(identify(ip({ from: pod, to: node, flags: 0x14, acknowledgement: 0 })), { ...request, is: 'answer' })
  const quoted = frameOf({ ...to, flags: 0x02, sequence }).subarray(14)
  assert.deepEqual(identify(ip({ protocol: 1, type: 3, from: node, to: client, payload: quoted })), {
    ...request,
    is: 'error',
  })
  assert.equal(identify(ip({ ...to, flags: 0x10, sequence })), undefined)
})

test('a datagram is known by its ends, and behind a masquerade by its words', () => {
  const identify = identities(spec('udp'))
  const udp = { protocol: 17, payload: words }
  const first = identify(ip({ ...udp, ...to }))
  assert.equal(first?.is, 'request')
  assert.deepEqual(identify(ip({ ...udp, ...to, to: pod, destinationPort: 8080 })), first)
  const masked = { ...udp, from: node, to: pod, sourcePort: 7777, destinationPort: 8080 }
  assert.deepEqual(identify(ip(masked)), first)
  const back = {
    protocol: 17,
    from: pod,
    to: node,
    sourcePort: 8080,
    destinationPort: 7777,
    payload: Buffer.from('yes'),
  }
  assert.deepEqual(identify(ip(back)), { ...first, is: 'answer' })
  assert.deepEqual(identify(ip({ ...back, to: client, destinationPort: 4000 })), { ...first, is: 'answer' })
  // Another socket that says the same is another exchange, and its masquerade is its own.
  const second = identify(ip({ ...udp, ...to, sourcePort: 4001 }))
  assert.notDeepEqual(second, first)
  assert.deepEqual(identify(ip({ ...masked, sourcePort: 7778 })), second)
  assert.deepEqual(identify(ip(masked)), first)
  assert.equal(
    identify(ip({ ...udp, from: '100.96.1.9', to: service, sourcePort: 4000, destinationPort: 80 })),
    undefined,
  )
})

test('of several servers each has exchanges of its own, though the client uses one port', () => {
  const asked = [service, '100.64.0.22'].map((one) => ({ address: address(one), port: 53 }))
  const identify = identities({ ...spec('udp'), asked, behind: [] })
  const ask = (whom: string): unknown =>
    identify(ip({ protocol: 17, from: client, to: whom, sourcePort: 4000, destinationPort: 53, payload: words }))
  assert.notDeepEqual(ask(service), ask('100.64.0.22'))
})

test('a ping is known by its number and its words', () => {
  const identify = identities(spec('icmp'))
  const request = identify(ip({ protocol: 1, type: 8, from: client, to: pod, sequence: 7, payload: words }))
  const reply = identify(ip({ protocol: 1, type: 0, from: pod, to: client, sequence: 7, payload: words }))
  assert.equal(request?.is, 'request')
  assert.deepEqual(reply, { ...request, is: 'answer' })
})
