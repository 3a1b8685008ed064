import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubehopError } from '../../base/errors.ts'
import { readProbeSpec } from '../probe/spec.ts'
import { readWatchSpec } from './spec.ts'

const watch = {
  id: '0123abcd',
  protocol: 'tcp',
  port: 40000,
  addresses: ['100.96.1.2'],
  pods: ['shop/client'],
  seconds: 5,
}
const end = { address: '100.96.1.2', port: 40000 }
const probe = {
  kind: 'http',
  at: { kind: 'pod', name: 'shop/client' },
  timeoutMs: 100,
  from: end,
  to: end,
  host: 'web',
  path: '/',
}

const { at, timeoutMs } = probe
const echo = { kind: 'icmp', at, timeoutMs, from: end, to: { ...end, port: 0 } }
const repeat = { kind: 'repeat', at, timeoutMs, count: 2, request: echo, sizes: [68, 1500], dontFragment: true }

test('what coordinators send is taken as it is', () => {
  assert.deepEqual(readWatchSpec(watch), watch)
  assert.deepEqual(readProbeSpec(probe), probe)
  const lookUp = {
    kind: 'resolve',
    at: { kind: 'machine' },
    filesOf: 'shop/x',
    name: 'web',
    port: 40000,
    timeoutMs: 100,
  }
  assert.deepEqual(readProbeSpec(lookUp), lookUp)
  assert.deepEqual(readWatchSpec({ ...watch, more: 1 }), watch)
  assert.deepEqual(readWatchSpec({ ...watch, span: 64 }), { ...watch, span: 64 })
  assert.deepEqual(readProbeSpec(echo), echo)
  const sized = { ...echo, size: 1500, dontFragment: true }
  assert.deepEqual(readProbeSpec(sized), sized)
  assert.deepEqual(readProbeSpec(repeat), repeat)
  assert.deepEqual(readProbeSpec({ ...repeat, sizes: undefined }).kind, 'repeat')
})

test('what could do harm is refused by the name of its field', () => {
  const watches: [object, string][] = [
    [{ id: '../../x' }, 'id'],
    [{ id: 'ABCDEF01' }, 'id'],
    [{ protocol: 'igmp' }, 'protocol'],
    [{ port: 0 }, 'port'],
    [{ port: 1.5 }, 'port'],
    [{ span: 0 }, 'span'],
    [{ span: 65 }, 'span'],
    [{ span: 1.5 }, 'span'],
    [{ port: 65_500, span: 50 }, 'span'],
    [{ addresses: ['x'] }, 'addresses[0]'],
    [{ addresses: new Array(5000).fill('1.1.1.1') }, 'addresses'],
    [{ pods: ['../etc'] }, 'pods[0]'],
    [{ pods: ['shop'] }, 'pods[0]'],
    [{ seconds: Number.POSITIVE_INFINITY }, 'seconds'],
    [{ seconds: Number.NaN }, 'seconds'],
  ]
  for (const [change, field] of watches)
    assert.throws(() => readWatchSpec({ ...watch, ...change }), {
      code: 'BadRequest',
      message: new RegExp(`"${field.replaceAll(/[[\]]/g, '\\$&')}"`),
    })
  const probes: [object, string][] = [
    [{ kind: 'exec' }, 'kind'],
    [{ path: 'no slash' }, 'path'],
    [{ path: '/\r\nX: y' }, 'path'],
    [{ host: 'a\nb' }, 'host'],
    [{ from: { ...end, port: 70000 } }, 'port'],
    [{ to: null }, 'body'],
    [{ kind: 'resolve', name: 'a b', port: 1 }, 'name'],
    [{ timeoutMs: 1e9 }, 'timeoutMs'],
    [{ at: { kind: 'host' } }, 'at'],
    [{ at: { kind: 'pod', name: '../etc' } }, 'at.name'],
    [{ kind: 'resolve', name: 'a', port: 1, filesOf: '../etc' }, 'filesOf'],
  ]
  const repeats: [object, string][] = [
    [{ request: repeat }, 'request'],
    [{ request: { kind: 'resolve', at, timeoutMs, name: 'web', port: 1 } }, 'request'],
    [{ request: null }, 'body'],
    [{ count: 65 }, 'count'],
    [{ count: 1.5 }, 'count'],
    [{ count: 3 }, 'sizes'],
    [{ sizes: [68, 70_000] }, 'value'],
    [{ sizes: [68, '1500'] }, 'value'],
    [{ request: { ...echo, from: { ...end, port: 65_535 } } }, 'count'],
  ]
  for (const [change, field] of repeats)
    assert.throws(() => readProbeSpec({ ...repeat, ...change }), {
      code: 'BadRequest',
      message: new RegExp(`"${field}"`),
    })
  // Of all others, a port 0 is none.
  for (const kind of ['tcp', 'udp', 'sctp'])
    assert.throws(() => readProbeSpec({ ...echo, kind }), { code: 'BadRequest', message: /"port"/ })
  for (const [change, field] of probes)
    assert.throws(() => readProbeSpec({ ...probe, ...change }), {
      code: 'BadRequest',
      message: new RegExp(`"${field}"`),
    })
})

test('any JSON is a specification or a BadRequest', () => {
  const change = fc.dictionary(fc.constantFrom(...Object.keys({ ...watch, ...probe })), fc.jsonValue())
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        change.map((one) => ({ ...watch, ...probe, ...one })),
      ),
      (value) => {
        for (const read of [readWatchSpec, readProbeSpec]) {
          try {
            read(value)
          } catch (error) {
            assert.ok(error instanceof KubehopError && error.code === 'BadRequest', String(error))
          }
        }
      },
    ),
  )
})
