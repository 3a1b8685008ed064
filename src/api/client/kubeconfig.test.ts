import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { stringify } from 'yaml'
import { connectionFrom, contextNamespace } from './kubeconfig.ts'

const folder = mkdtempSync(join(tmpdir(), 'kubehop-kubeconfig-'))
after(() => rmSync(folder, { recursive: true }))

function file(user: object, cluster: object = {}): string {
  const path = join(folder, 'config')
  const config = {
    'current-context': 'here',
    contexts: [
      { name: 'here', context: { cluster: 'one', user: 'me', namespace: 'shop' } },
      { name: 'there', context: { cluster: 'two', user: 'me' } },
    ],
    clusters: [
      { name: 'one', cluster: { server: 'https://one:6443', ...cluster } },
      { name: 'two', cluster: { server: 'https://two:6443' } },
    ],
    users: [{ name: 'me', user }],
  }
  writeFileSync(path, stringify(config))
  return path
}

test('the current context counts, or the one that is named; a context may have a namespace', async () => {
  const path = file({ token: 'secret' })
  assert.deepEqual(await connectionFrom(path), { server: 'https://one:6443', token: 'secret' })
  assert.equal((await connectionFrom(path, 'there')).server, 'https://two:6443')
  assert.equal(await contextNamespace(path), 'shop')
  assert.equal(await contextNamespace(path, 'there'), undefined)
  await assert.rejects(connectionFrom(path, 'nowhere'), /it has no context nowhere; it has here, there/)
})

test('a token may stand in a file of its own', async () => {
  writeFileSync(join(folder, 'token'), 'from-file\n')
  assert.equal((await connectionFrom(file({ tokenFile: 'token' }))).token, 'from-file')
})

test('what is not understood is said, not tried', async () => {
  const cases: [object, object, RegExp][] = [
    [{ exec: { command: 'aws' } }, {}, /logs in by a program/],
    [{ username: 'me', password: 'x' }, {}, /by a password, which API servers no longer take/],
    [{ token: 'x', as: 'root' }, {}, /acts as another \(as\)/],
    [{ token: 'x' }, { 'insecure-skip-tls-verify': true }, /unchecked .*: name its certificate-authority/],
    [{ token: 'x' }, { server: 'http://127.0.0.1:8001' }, /its server http:\/\/127.0.0.1:8001 is not reached by https/],
    [{ token: 'x' }, { 'proxy-url': 'http://proxy' }, /by proxy-url, which Kubehop does not know/],
  ]
  for (const [user, cluster, expected] of cases) await assert.rejects(connectionFrom(file(user, cluster)), expected)
  for (const text of ['', 'null', '5', 'contexts: 5', '{"contexts": [null]}']) {
    const path = join(folder, 'none')
    writeFileSync(path, text)
    await assert.rejects(connectionFrom(path), /it is no kubeconfig: contexts, clusters, users are lists in it/, text)
  }
})
