import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Action } from '../action.ts'
import { object } from '../testing.ts'
import { sliceActions } from './slices.ts'

const annotation = 'endpoints.kubernetes.io/last-change-trigger-time'
const at = (seconds: number): string => `2026-01-01T00:00:${String(seconds).padStart(2, '0')}Z`
const service = object('Service', 'web', { spec: {} })
const endpoint = (number: number, serving = true, ready = serving): Endpoint => ({
  addresses: [`100.96.1.${number}`],
  conditions: { ready, serving, terminating: serving && !ready },
  targetRef: { kind: 'Pod', name: `pod${number}`, uid: `uid${number}` },
})
/** The pod with number N has been as it is since second N. */
const readySince = ({ targetRef }: Endpoint): string => at(Number(targetRef?.uid?.slice(3)))
const act = (endpoints: Endpoint[], existing: EndpointSlice[] = [], of = service): Action[] =>
  sliceActions(of, 'IPv4', [{ ports: [], endpoints }], existing, readySince)

const stamp = { metadata: { annotations: { [annotation]: at(9), theirs: 'stays' } } }
const slice = (...endpoints: Endpoint[]): EndpointSlice =>
  act(endpoints).map((action) => {
    assert.equal(action.do, 'create')
    const made = (action as { object: { metadata: object } }).object
    return object('EndpointSlice', 'web-1', { ...made, metadata: { ...made.metadata, ...stamp.metadata } })
  })[0] as EndpointSlice

test('a new service says when it was made', () => {
  const [action] = act([endpoint(5)])
  assert.ok(action?.do === 'create')
  assert.equal(action.object.metadata.annotations?.[annotation], service.metadata.creationTimestamp)
})

test('a slice that changes says since when the first of what is new in it has been true', () => {
  const before = [slice(endpoint(1), endpoint(2))]
  const rows: [string, Endpoint[], string | null | undefined][] = [
    ['two pods came', [endpoint(1), endpoint(2), endpoint(30), endpoint(20)], at(20)],
    ['one became unready', [endpoint(1), endpoint(2, false)], at(2)],
    ['one left: nobody knows when it began to', [endpoint(1)], null],
    ['one begins to leave', [endpoint(1), endpoint(2, true, false)], null],
    ['nothing changed', [endpoint(2), endpoint(1)], undefined],
  ]
  for (const [what, endpoints, expected] of rows) {
    const [action] = act(endpoints, before)
    if (expected === undefined) assert.equal(action, undefined, what)
    else {
      assert.ok(action?.do === 'patch')
      assert.deepEqual((action.patch as EndpointSlice).metadata.annotations, { [annotation]: expected }, what)
    }
  }
})

test('endpoints that only move to another slice are not new', () => {
  const before = [slice(endpoint(1), endpoint(2))]
  const actions = sliceActions(
    service,
    'IPv4',
    [{ ports: [{ name: '', port: 81, protocol: 'TCP' }], endpoints: [endpoint(1), endpoint(2)] }],
    before,
    readySince,
  )
  const [action] = actions
  assert.ok(action?.do === 'patch')
  assert.deepEqual((action.patch as EndpointSlice).metadata, { annotations: { [annotation]: null } })
})
