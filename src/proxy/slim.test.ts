import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aChange } from '../../test/rows/random-cluster.ts'
import { node, service, slice } from '../../test/rows/services.ts'
import { portionOf } from './portion.ts'
import { slimService, slimSlice } from './slim.ts'

test('what is kept of an object says as much as the whole', () => {
  fc.assert(
    fc.property(fc.array(aChange, { maxLength: 12 }), (changes) => {
      const objects = changes.map((change) => ('put' in change ? change.put : change.remove))
      const slices = objects.filter((object) => object.kind === 'EndpointSlice')
      for (const object of objects) {
        if (object.kind !== 'Service') continue
        const whole = portionOf(object, slices, node)
        const slim = portionOf(slimService(object), slices.map(slimSlice), node)
        assert.deepEqual(slim.portion, whole.portion)
        assert.deepEqual(
          slim.problems.map(({ say }) => say),
          whole.problems.map(({ say }) => say),
        )
        assert.deepEqual(slim.healthCheck, whole.healthCheck)
      }
    }),
  )
})

test('the rest is left out', () => {
  const whole = service('web', '100.64.0.20', ['http:80'], { selector: { app: 'web' } })
  whole.metadata.annotations = { long: 'x'.repeat(1000) }
  whole.metadata.labels = { app: 'web' }
  const { metadata, spec } = slimService(whole)
  assert.deepEqual(metadata, { name: 'web', namespace: 'shop', uid: 'web' })
  assert.deepEqual(spec, { clusterIP: '100.64.0.20', ports: [{ name: 'http', protocol: 'TCP', port: 80 }] })
  const { endpoints } = slimSlice(slice('web', ['100.96.1.2@node1', '100.96.1.3@node1'], ['http:8080']))
  assert.equal(endpoints[0]?.conditions, endpoints[1]?.conditions)
})
