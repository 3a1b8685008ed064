import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialsFor, parseDockerConfig } from './keyring.ts'

const auth = (user: string): object => ({ auth: Buffer.from(`${user}:secret`).toString('base64') })
const ring = (...keys: string[]): ReturnType<typeof parseDockerConfig> =>
  parseDockerConfig({ auths: Object.fromEntries(keys.map((key) => [key, auth(key)])) }, 'test')
const users = (keys: string[], registry: string, repository = 'team/web'): string[] =>
  credentialsFor([ring(...keys)], registry, repository).map((each) => ('user' in each ? each.user : ''))

test('keys are compared with registry and repository, the most exact first', () => {
  for (const [keys, registry, repository, expected] of [
    [['reg.example'], 'reg.example', 'web', ['reg.example']],
    [['REG.example'], 'reg.EXAMPLE', 'web', ['REG.example']],
    [['https://reg.example/v2/'], 'reg.example', 'web', ['https']],
    [['reg.example:5000'], 'reg.example', 'web', []],
    [['reg.example:5000', 'reg.example'], 'reg.example:5000', 'web', ['reg.example', 'reg.example']],
    [['reg.example/team'], 'reg.example', 'team/web', ['reg.example/team']],
    [['reg.example/team/web'], 'reg.example', 'team/web', ['reg.example/team/web']],
    [['reg.example/te'], 'reg.example', 'team/web', []],
    [
      ['*.example', 'reg.example', 'reg.example/team'],
      'reg.example',
      'team/web',
      ['reg.example/team', 'reg.example', '*.example'],
    ],
    [['*.example'], 'a.b.example', 'web', []],
    [['r*g.ex*le'], 'reg.example', 'web', ['r*g.ex*le']],
    [['r*g*g.example'], 'reg.example', 'web', []],
    [['*'], 'localhost', 'web', ['*']],
    [['[::1]:5000'], '[::1]:5000', 'web', ['[']],
    [['https://index.docker.io/v1/'], 'docker.io', 'library/web', ['https']],
    [['docker.io'], 'docker.io', 'library/web', ['docker.io']],
    [['docker.io/me'], 'docker.io', 'library/web', []],
    [['*.io'], 'docker.io', 'library/web', []],
  ] as const) {
    const found = users([...keys], registry, repository)
    // A colon ends the user's name, here as there.
    assert.deepEqual(
      found,
      expected.map((each) => each.split(':')[0]),
      `${keys.join()} for ${registry}/${repository}`,
    )
  }
})

test('all forms of a file are read', () => {
  const read = (said: unknown): unknown => credentialsFor([parseDockerConfig(said, 'x')], 'reg.example', 'web')
  const user = { user: 'me', password: 'a:b' }
  const encoded = Buffer.from('me:a:b').toString('base64')
  assert.deepEqual(read({ auths: { 'reg.example': { auth: encoded } } }), [user])
  assert.deepEqual(read({ 'reg.example': { auth: encoded, email: 'x' } }), [user])
  assert.deepEqual(read({ auths: { 'reg.example': { username: 'me', password: 'a:b' } } }), [user])
  assert.deepEqual(read({ auths: { 'reg.example': { auth: encoded, identitytoken: 't' } } }), [{ identityToken: 't' }])
  assert.deepEqual(read({ auths: { 'reg.example': { registrytoken: 't' } } }), [{ registryToken: 't' }])
  assert.deepEqual(read({ auths: { 'reg.example': {} }, credsStore: 'desktop' }), [])
  assert.deepEqual(read({ credsStore: 'desktop' }), [])
})

test('what cannot be read is refused without showing it', () => {
  for (const said of [
    [],
    'secret',
    null,
    { auths: [] },
    { auths: { 'reg.example': 'secret' } },
    { auths: { 'reg.example': { auth: Buffer.from('secret').toString('base64') } } },
    { auths: { 'reg.example': { auth: 1 } } },
    { auths: { 'https://': { username: 'secret' } } },
  ])
    assert.throws(
      () => parseDockerConfig(said, 'config.json'),
      (error: Error & { code?: string }) =>
        error.code === 'BadCredentials' && error.message.includes('config.json') && !error.message.includes('secret'),
      JSON.stringify(said),
    )
})

test('a pattern with many stars takes no time', () => {
  assert.deepEqual(users([`${'a*'.repeat(5000)}b.example`], `${'a'.repeat(20_000)}.example`), [])
})
