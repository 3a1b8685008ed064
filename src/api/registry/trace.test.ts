import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceObject, TraceSpec } from '../objects/trace.ts'
import { traceStrategy as strategy } from './trace.ts'

const made = (spec: TraceSpec): TraceObject => ({
  apiVersion: 'kubehop.dev/v1alpha1',
  kind: 'Trace',
  metadata: { name: 't' },
  spec,
})
const source = { pod: 'client' }
const nothing = ['spec.source', 'spec.destination'].map((path) => [path, 'Required value'].join(': '))
const said = (spec: TraceSpec): string[] =>
  (strategy.validate?.(made(spec)) ?? []).map(({ path, say }) => `${path}: ${say}`)

test('a trace has one source and one destination', () => {
  assert.deepEqual(said({ source, destination: { service: 'web', port: 'http' }, protocol: 'TCP', timeout: 2 }), [])
  assert.deepEqual(said({ source: {}, destination: {} }), [
    'spec.source: Required value: one of pod, node, outside is needed',
    'spec.destination: Required value: one of pod, service, node, ip, name, url is needed',
  ])
  assert.deepEqual(said({ source: { ...source, outside: true }, destination: { pod: 'a', ip: '10.0.0.1' } }), [
    'spec.source: Invalid value: "pod, outside": only one of pod, node, outside can be given',
    'spec.destination: Invalid value: "pod, ip": only one of pod, service, node, ip, name, url can be given',
  ])
})

test('a trace without a spec, or with half of one, is refused by field', () => {
  const half = (spec: object | undefined): string[] =>
    (strategy.validate?.({ ...made({} as TraceSpec), spec } as TraceObject) ?? []).map(({ path, say }) =>
      `${path}: ${say}`.replace(/(Required value).*/, '$1'),
    )
  assert.deepEqual(half(undefined), nothing)
  assert.deepEqual(half({}), nothing)
  assert.deepEqual(half({ source }), nothing.slice(1))
  assert.deepEqual(half({ destination: { pod: 'a' } }), nothing.slice(0, 1))
})

test('what does not go together is refused by field', () => {
  const paths = (destination: TraceSpec['destination'], rest: object = {}): string[] =>
    said({ source, destination, ...rest }).map((text) => text.split(': ')[0] ?? '')
  assert.deepEqual(paths({ ip: '10.0.0.300' }), ['spec.destination.ip'])
  assert.deepEqual(paths({ url: 'http://web/', port: 80 }), ['spec.destination.port'])
  assert.deepEqual(paths({ url: 'http://web/' }, { protocol: 'TCP' }), ['spec.protocol'])
  assert.deepEqual(paths({ ip: '10.0.0.1', namespace: 'shop' }), ['spec.destination.namespace'])
  assert.deepEqual(paths({ service: 'web', port: 70_000 }), ['spec.destination.port'])
  assert.deepEqual(paths({ service: 'web' }, { protocol: 'QUIC' }), ['spec.protocol'])
  assert.deepEqual(paths({ service: 'web' }, { timeout: 1000 }), ['spec.timeout'])
})

test('a trace is sent once: its wish cannot change', () => {
  const old = made({ source, destination: { service: 'web' } })
  assert.deepEqual(strategy.validateUpdate?.(structuredClone(old), old), [])
  const [fault] = strategy.validateUpdate?.(made({ source, destination: { service: 'api' } }), old) ?? []
  assert.match(fault?.say ?? '', /sent once: make another one/)
})
