import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSource } from './source.ts'

test('a source is a pod, what makes pods, a node, or the machine outside', () => {
  const rows: [string, object][] = [
    ['client', { kind: 'pod', name: 'client' }],
    ['pod/client', { kind: 'pod', name: 'client' }],
    ['shop/client', { kind: 'pod', namespace: 'shop', name: 'client' }],
    ['shop/pod/client', { kind: 'pod', namespace: 'shop', name: 'client' }],
    ['deploy/web', { kind: 'deployment', name: 'web' }],
    ['shop/deployment/web', { kind: 'deployment', namespace: 'shop', name: 'web' }],
    ['shop/sts/db', { kind: 'statefulset', namespace: 'shop', name: 'db' }],
    ['ds/log', { kind: 'daemonset', name: 'log' }],
    ['rs/web-5d', { kind: 'replicaset', name: 'web-5d' }],
    ['job/load', { kind: 'job', name: 'load' }],
    ['node/node1', { kind: 'node', name: 'node1' }],
    ['node/ip-10-0-0-1.eu.internal', { kind: 'node', name: 'ip-10-0-0-1.eu.internal' }],
    ['outside', { kind: 'outside' }],
    ['pod/outside', { kind: 'pod', name: 'outside' }],
    ['client:app', { kind: 'pod', name: 'client', container: 'app' }],
    ['shop/pod/client:app', { kind: 'pod', namespace: 'shop', name: 'client', container: 'app' }],
    ['deploy/web:side-car', { kind: 'deployment', name: 'web', container: 'side-car' }],
  ]
  for (const [text, expected] of rows) assert.deepEqual(parseSource(text), expected, text)
})

test('what is no source says what would be one', () => {
  const rows: [string, RegExp][] = [
    ['', /write pod\/NAME, NAMESPACE\/NAME, POD:CONTAINER, deploy\/NAME, node\/NAME or outside$/],
    ['/', /no place to send from/],
    ['Client', /no place to send from/],
    ['shop//client', /no place to send from/],
    ['a/b/c/d', /no place to send from/],
    ['-x', /no place to send from/],
    ['http://web/', /no place to send from/],
    ['client:', /no place to send from/],
    ['client:App', /no place to send from/],
    ['client:a:b', /no place to send from/],
    ['svc/web', /a service only receives; write pod\/NAME or deploy\/NAME$/],
    ['shop/node/node1', /nodes are in no namespace; write node\/node1$/],
    ['node/node1:app', /a node has no containers; write node\/node1, or POD:CONTAINER$/],
    ['shop/deployement/web', /no objects here are of kind "deployement"; did you mean deployment or /],
    ['shop/xyz/web', /no objects here are of kind "xyz"; write pod, service, node, /],
  ]
  for (const [text, message] of rows) assert.throws(() => parseSource(text), { code: 'Usage', message }, text)
})
