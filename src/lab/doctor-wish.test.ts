import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../api/client/client.ts'
import { readDoctorWish } from './doctor-wish.ts'

const request = { from: 'client', to: 'http://web/' }
const wish = (change: object): object => ({
  ...request,
  namespace: undefined,
  timeoutMs: undefined,
  count: undefined,
  sizes: undefined,
  dryRun: undefined,
  id: undefined,
  ...change,
})

test('a namespace and a request are read, either, both or none', () => {
  assert.deepEqual(readDoctorWish(undefined), { namespace: undefined, wish: undefined })
  assert.deepEqual(readDoctorWish({}), { namespace: undefined, wish: undefined })
  assert.deepEqual(readDoctorWish({ namespace: 'shop' }), { namespace: 'shop', wish: undefined })
  assert.deepEqual(readDoctorWish({ for: request }), { namespace: undefined, wish: wish({}) })
  assert.deepEqual(readDoctorWish({ namespace: 'shop', for: { ...request, namespace: 'a', timeoutMs: 5 } }), {
    namespace: 'shop',
    wish: wish({ namespace: 'a', timeoutMs: 5 }),
  })
})

test('anything else is refused with what is wrong and what is expected, before anything is sent', () => {
  const rows: [unknown, RegExp][] = [
    [null, /^what it is asked with is no JSON object: /],
    [[], /^what it is asked with is no JSON object: /],
    ['shop', /^what it is asked with is no JSON object: /],
    [7, /^what it is asked with is no JSON object: /],
    [{ namespaces: 'shop' }, /^there is no field "namespaces": /],
    [{ from: 'client' }, /^there is no field "from" outside of "for": /],
    [request, /^there is no field "from" outside of "for": /],
    [{ ['x'.repeat(5000)]: 1 }, /^there is no field "x{99,100}": /],
    [{ namespace: 1 }, /^namespace is no name: /],
    [{ namespace: null }, /^namespace is no name: /],
    [{ namespace: '' }, /^namespace is no name: /],
    [{ namespace: 'x'.repeat(254) }, /^namespace is no name: /],
    [{ for: null }, /^for is no \{ from, to \}: /],
    [{ for: [] }, /^for is no \{ from, to \}: /],
    [{ for: 'client' }, /^for is no \{ from, to \}: /],
    [{ for: {} }, /^for\.from is missing: /],
    [{ for: { from: 'client' } }, /^for\.to is missing: /],
    [{ for: { from: 1, to: 'http://web/' } }, /^for\.from is no text, or an empty one: /],
    [{ for: { ...request, to: '' } }, /^for\.to is no text, or an empty one: /],
    [{ for: { ...request, count: 3 } }, /^there is no field "for\.count": /],
  ]
  for (const [body, expected] of rows)
    assert.throws(
      () => readDoctorWish(body),
      (error) => {
        assert.ok(error instanceof ApiError, String(error))
        assert.deepEqual([error.code, error.reason], [400, 'BadRequest'])
        assert.match(error.message, expected)
        assert.match(error.message, /: the doctor is asked with \{ namespace\?, for\?: \{ from, to, /)
        return true
      },
      JSON.stringify(body),
    )
  // What is wrong with a request's own fields is said as for a trace.
  assert.throws(() => readDoctorWish({ for: { ...request, timeoutMs: -1 } }), /timeoutMs \(up to 100000\)/)
})
