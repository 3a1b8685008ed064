import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnyObject } from './json.ts'
import { notYet } from './not-yet.ts'

const said = (object: object): string => notYet(object as AnyObject).join('; ')

test('what this version takes without doing it is said, and nothing else', () => {
  const template = (image: string): object => ({ template: { spec: { containers: [{ name: 'web', image }] } } })
  assert.match(said({ kind: 'Deployment', spec: template('nginx:1.27') }), /container web: image nginx:1\.27 cannot/)
  assert.equal(said({ kind: 'Deployment', spec: template('host') }), '')
  assert.match(
    said({ kind: 'Pod', spec: { initContainers: [{ name: 'a', image: 'busybox' }] } }),
    /container a: .*busybox/,
  )
  assert.match(said({ kind: 'Service', spec: { type: 'NodePort' } }), /spec\.type: NodePort is not in this version/)
  assert.match(said({ kind: 'Service', spec: { sessionAffinity: 'ClientIP' } }), /sessionAffinity/)
  assert.equal(said({ kind: 'Service', spec: { type: 'ClusterIP' } }), '')
  for (const odd of [undefined, null, 1, [], { template: 1 }, { containers: [1, null] }])
    assert.equal(said({ kind: 'Pod', spec: odd }), '')
})
