import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDestination, findSource } from './resolve.ts'
import { parseSource, parseTarget } from './target.ts'
import { cluster } from './testing/across.ts'

const to = (text: string) => findDestination(cluster, parseTarget(text), 'default')

test('what is in another namespace is named, and how it is written', () => {
  const rows: [string, RegExp][] = [
    ['svc/web:80', /there is no service default\/web; there is shop\/web: write shop\/svc\/web$/],
    ['svc/web.shop:80', /there is no service default\/web\.shop; there is shop\/web: write shop\/svc\/web$/],
    ['pod/far:80', /there is no pod default\/far; there is shop\/far: write shop\/pod\/far$/],
    ['svc/web.other:80', /there is no service default\/web\.other$/],
  ]
  for (const [text, message] of rows) assert.throws(() => to(text), { code: 'NotFound', message }, text)
  assert.equal(to('shop/svc/web:80').kind, 'address')
  assert.throws(() => findSource(cluster, parseSource('client'), 'default'), {
    message: /there is shop\/client: write shop\/pod\/client$/,
  })
})
