import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint, EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Action } from '../action.ts'
import { object, sorted } from '../testing.ts'
import type { Group, SlicePort } from './endpoints.ts'
import { sliceActions, sliceLimit } from './slices.ts'

const service = object('Service', 'web', { metadata: { labels: { team: 'a' } }, spec: { clusterIP: '100.64.0.9' } })
const http: SlicePort[] = [{ name: 'http', port: 80, protocol: 'TCP' }]
const endpoint = (number: number, ready = true): Endpoint => ({
  addresses: [`100.96.${number >> 8}.${number & 255}`],
  conditions: { ready, serving: ready, terminating: false },
  targetRef: { kind: 'Pod', name: `pod${number}`, uid: `uid${number}` },
})
const range = (from: number, to: number): Endpoint[] =>
  Array.from({ length: to - from }, (_, at) => endpoint(from + at))
const group = (endpoints: Endpoint[], ports = http): Group => ({ ports, endpoints })

/** The API gives each name once. */
let named = 0

/** The slices after the actions, as the API would have them. */
function apply(before: EndpointSlice[], actions: Action[]): EndpointSlice[] {
  let after = [...before]
  for (const action of actions) {
    if (action.do === 'create') after.push(object('EndpointSlice', `web-${named++}`, action.object))
    else if (action.do === 'delete') after = after.filter((slice) => slice.metadata.name !== action.name)
    else if (action.do === 'patch')
      after = after.map((slice) =>
        slice.metadata.name === action.name ? { ...slice, ...action.patch, metadata: slice.metadata } : slice,
      )
  }
  return after
}
const settle = (groups: Group[], before: EndpointSlice[] = []): EndpointSlice[] =>
  apply(before, sliceActions(service, 'IPv4', groups, before))
const kinds = (actions: Action[]): string[] => actions.map((action) => action.do)

test('a slice belongs to its service, by label and by owner, and carries its labels', () => {
  const [slice] = settle([group([endpoint(1)])])
  assert.deepEqual(slice?.metadata.labels, {
    team: 'a',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  })
  assert.deepEqual(slice.metadata.ownerReferences?.[0]?.uid, 'uid-web')
  assert.equal(slice.addressType, 'IPv4')
})

test('a service without endpoints keeps one empty slice, and reuses what it has', () => {
  const empty = settle([])
  assert.deepEqual(
    empty.map(({ endpoints, ports }) => [endpoints, ports]),
    [[[], []]],
  )
  assert.deepEqual(sliceActions(service, 'IPv4', [], empty), [])
  assert.deepEqual(kinds(sliceActions(service, 'IPv4', [group([endpoint(1)])], empty)), ['patch'])
  const full = settle([group([endpoint(1)])])
  assert.deepEqual(kinds(sliceActions(service, 'IPv4', [], full)), ['patch'])
})

test('one change touches one slice', () => {
  const before = settle([group(range(0, 250))])
  assert.deepEqual(
    before.map((slice) => slice.endpoints.length),
    [100, 100, 50],
  )
  const rows: [string, Endpoint[], string[]][] = [
    ['nothing', range(0, 250), []],
    ['another order', range(0, 250).reverse(), []],
    ['one is no longer ready', [endpoint(120, false), ...range(0, 120), ...range(121, 250)], ['patch']],
    ['one more', range(0, 251), ['patch']],
    ['one fewer', range(1, 250), ['patch']],
    ['one replaced', range(1, 251), ['patch']],
    ['more than fit', range(0, 301), ['create']],
    ['all of one slice', range(0, 200), ['delete']],
  ]
  for (const [what, endpoints, expected] of rows)
    assert.deepEqual(kinds(sliceActions(service, 'IPv4', [group(endpoints)], before)), expected, what)
})

test('a pod of the same name made anew is another endpoint', () => {
  const before = settle([group([endpoint(1), endpoint(2)])])
  const anew = { ...endpoint(1), targetRef: { kind: 'Pod', name: 'pod1', uid: 'another' } }
  const [slice] = settle([group([anew, endpoint(2)])], before)
  assert.deepEqual(
    slice?.endpoints.map((one) => one.targetRef?.uid),
    ['uid2', 'another'],
  )
})

test('labels of the service that change go along, and the time of the change before goes', () => {
  const before = settle([group([endpoint(1)])])
  const renamed = { ...service, metadata: { ...service.metadata, labels: {} } }
  const [action] = sliceActions(renamed, 'IPv4', [group([endpoint(1)])], before)
  assert.deepEqual(action?.do === 'patch' && action.patch, {
    metadata: { labels: { team: null }, annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': null } },
  })
})

test('however endpoints come and go, each is in exactly one slice of its ports, none holds too many, and the result is stable', () => {
  const pods = fc.uniqueArray(fc.nat(400), { maxLength: 350 })
  const state = fc.tuple(pods, pods)
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), (states) => {
      let slices: EndpointSlice[] = []
      for (const [a, b] of states) {
        const wanted = [
          group(a.map((at) => endpoint(at))),
          group(
            b.map((at) => endpoint(at + 1000)),
            [{ name: 'http', port: 81, protocol: 'TCP' }],
          ),
        ]
        const groups = wanted.filter(({ endpoints }) => endpoints.length > 0)
        slices = settle(groups, slices)
        for (const { ports, endpoints } of groups) {
          const here = slices
            .filter((slice) => slice.ports?.[0]?.port === ports[0]?.port)
            .flatMap((slice) => slice.endpoints)
          assert.deepEqual(
            sorted(here.map((one) => one.targetRef?.uid)),
            sorted(endpoints.map((one) => one.targetRef?.uid)),
          )
        }
        assert.equal(
          slices.flatMap((slice) => slice.endpoints).length,
          groups.flatMap(({ endpoints }) => endpoints).length,
        )
        assert.ok(slices.every((slice) => slice.endpoints.length <= sliceLimit))
        assert.deepEqual(sliceActions(service, 'IPv4', groups, slices), [])
      }
    }),
    { numRuns: 40 },
  )
})

test('a slice is headless as its service is, whatever the labels of the service say', () => {
  const headless = 'service.kubernetes.io/headless'
  const labels = { [headless]: '', 'service.kubernetes.io/service-proxy-name': 'other' }
  const [slice] = apply([], sliceActions({ ...service, metadata: { ...service.metadata, labels } }, 'IPv4', [], []))
  assert.equal(slice?.metadata.labels?.[headless], undefined)
  assert.equal(slice?.metadata.labels?.['service.kubernetes.io/service-proxy-name'], 'other')
  const none = { ...service, spec: { clusterIP: 'None' } }
  assert.equal(apply([], sliceActions(none, 'IPv4', [], []))[0]?.metadata.labels?.[headless], '')
})
