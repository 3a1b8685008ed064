// Who asks, and what they may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, askServer } from './testing.ts'

const { agentOf, call } = askServer()

test('without a name one may only ask whether the server lives', async () => {
  const nobody = agentOf({})
  for (const path of ['/healthz', '/readyz', '/livez', '/version'])
    assert.equal((await call(path, { agent: nobody })).code, 200, path)
  for (const path of ['/api', '/api/v1/pods', '/openapi/v3', '/metrics', '/'])
    assert.equal((await call(path, { agent: nobody })).code, 403, path)
  assert.equal((await call('/healthz', { agent: nobody, method: 'POST', body: {} })).code, 403)
  const bad = await call('/api', { agent: nobody, headers: { authorization: 'Bearer a.b.c' } })
  assert.deepEqual([bad.code, bad.json.reason], [401, 'Unauthorized'])
  nobody.destroy()
})

test('tokens are made on request, and reviews answer for oneself', async () => {
  await call('/api/v1/namespaces/default/serviceaccounts', { method: 'POST', body: { metadata: { name: 'sa' } } })
  const { code, json } = await call('/api/v1/namespaces/default/serviceaccounts/sa/token', {
    method: 'POST',
    body: { spec: { expirationSeconds: 3600 } },
  })
  assert.equal(code, 201)
  const claims = JSON.parse(Buffer.from(json.status.token.split('.')[1], 'base64url').toString('utf8'))
  assert.equal(claims.sub, 'system:serviceaccount:default:sa')
  assert.equal(claims.exp - claims.iat, 3600)
  const agent = agentOf({})
  const asked = (verb: string, resource: string): Promise<Answer> =>
    call('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      method: 'POST',
      agent,
      headers: { authorization: `Bearer ${json.status.token}` },
      body: { spec: { resourceAttributes: { verb, resource } } },
    })
  assert.equal((await asked('list', 'pods')).json.status.allowed, true)
  assert.equal((await asked('list', 'secrets')).json.status.allowed, false)
  assert.equal((await asked('delete', 'pods')).json.status.allowed, false)
  const exec = await call('/api/v1/namespaces/default/pods/x/exec?command=sh', {
    agent,
    headers: { authorization: `Bearer ${json.status.token}` },
  })
  assert.equal(exec.code, 403)
  agent.destroy()
  assert.equal(
    (
      await call('/api/v1/namespaces/default/serviceaccounts/sa/token', {
        method: 'POST',
        body: { spec: { expirationSeconds: 1 } },
      })
    ).code,
    422,
  )
  assert.equal(
    (await call('/api/v1/namespaces/default/serviceaccounts/absent/token', { method: 'POST', body: {} })).code,
    404,
  )
})
