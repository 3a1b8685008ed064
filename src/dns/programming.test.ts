import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EndpointSlice, triggerTimeAnnotation } from '../api/objects/endpointslice.ts'
import { programmedAfter } from './programming.ts'
import { service, slice } from './testing/cluster.ts'

const started = Date.now() - 60_000
const services = new Map(
  [
    service('web', { clusterIP: '10.0.0.1' }),
    service('db', { clusterIP: 'None', selector: { app: 'db' } }),
    service('hand', { clusterIP: 'None' }),
  ].map((one) => [`testns/${one.metadata.name}`, one]),
)

function changed(of: string, ago: number): EndpointSlice {
  const made = slice(of, ['172.0.0.2'])
  const annotations = { [triggerTimeAnnotation]: new Date(Date.now() - ago * 1000).toISOString() }
  return { ...made, metadata: { ...made.metadata, annotations } }
}

test('the time from a pod’s change to its answer counts by the kind of its service, once for each change', () => {
  const kindOf = (new_: EndpointSlice, old?: EndpointSlice): string | undefined => {
    const done = programmedAfter(new_, old, (key) => services.get(key), started)
    return done && `${done.kind} ${Math.round(done.seconds)}`
  }
  assert.equal(kindOf(changed('web', 2)), 'cluster_ip 2')
  assert.equal(kindOf(changed('db', 3)), 'headless_with_selector 3')
  assert.equal(kindOf(changed('hand', 4)), 'headless_without_selector 4')
  const before = changed('web', 5)
  assert.equal(kindOf(before, before), undefined)
  assert.equal(kindOf(changed('web', 1), before), 'cluster_ip 1')
  assert.equal(kindOf(slice('web', [])), undefined)
  assert.equal(kindOf(changed('web', 100)), undefined, 'from before the start')
  assert.equal(kindOf(changed('web', -3)), 'cluster_ip 0', 'another machine’s clock')
})
