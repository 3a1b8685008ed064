import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../api/client/client.ts'
import { messageOf } from '../base/errors.ts'
import { sayAway } from './away.ts'

test('what a server that is none answers is said in one line, and what an API server says is left as it is', () => {
  const said = (error: unknown): string => messageOf(sayAway('doctor', 'https://a', error))
  const notJson =
    /^doctor: look at the cluster: https:\/\/a: what it answers is not the Kubernetes API \(Unexpected token/
  assert.throws(
    () => JSON.parse('<html>'),
    (error) => notJson.test(said(error)),
  )
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  assert.equal(said(refused), 'doctor: look at the cluster: https://a: connect ECONNREFUSED')
  assert.match(said(new DOMException('x', 'TimeoutError')), /https:\/\/a: it did not answer$/)
  const forbidden = new ApiError(403, 'Forbidden', 'no')
  const same = sayAway('doctor', 'https://a', forbidden)
  assert.ok(same instanceof ApiError)
  assert.deepEqual([same.code, same.reason, same.message], [403, 'Forbidden', 'no'])
  assert.match(said(new ApiError(500, 'InternalError', 'x'.repeat(1e6))), /^x{1000} … and 999,000 more characters/)
})
