import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from './config.ts'
import { dockerArchive } from './testing/archive.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const parse = (config: unknown): ReturnType<typeof parseConfig> =>
  parseConfig(Buffer.from(JSON.stringify({ config })), 'x.json')

test('what an image does not say is empty, and Docker says null for it', () => {
  const empty = {
    entrypoint: [],
    cmd: [],
    env: [],
    user: '',
    workingDir: '',
    exposedPorts: [],
    volumes: [],
    stopSignal: '',
    labels: {},
  }
  const nothing = Object.fromEntries(
    ['Entrypoint', 'Cmd', 'Env', 'User', 'WorkingDir', 'Volumes', 'Labels'].map((key) => [key, null]),
  )
  for (const config of [undefined, null, {}, nothing]) assert.deepEqual(parse(config), empty)
})

test('all that a container needs is read', () => {
  assert.deepEqual(
    parse({
      Entrypoint: ['/run', ''],
      Cmd: ['-v'],
      Env: ['PATH=/bin', 'EMPTY=', 'PATH=/sbin', 'A==b'],
      User: 'web:web',
      WorkingDir: '/srv/../../app/',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {}, logs: {} },
      StopSignal: 'SIGQUIT',
      Labels: { a: 'b' },
    }),
    {
      entrypoint: ['/run', ''],
      cmd: ['-v'],
      env: [
        ['PATH', '/bin'],
        ['EMPTY', ''],
        ['PATH', '/sbin'],
        ['A', '=b'],
      ],
      user: 'web:web',
      workingDir: '/app',
      exposedPorts: ['80/tcp', '53/udp'],
      volumes: ['/data', '/logs'],
      stopSignal: 'SIGQUIT',
      labels: { a: 'b' },
    },
  )
})

const wrong: [config: unknown, code: string, says: RegExp][] = [
  ['x', 'BadJson', /config in x.json is no object/],
  [[], 'BadJson', /config in x.json is no object/],
  [{ Entrypoint: '/run' }, 'BadJson', /config.Entrypoint in x.json is no list/],
  [{ Cmd: [1] }, 'BadJson', /an entry of config.Cmd in x.json is no text/],
  [{ Cmd: ['a\0b'] }, 'BadConfig', /config.Cmd in x.json has "a\\u0000b", with a NUL/],
  [{ Env: { A: 'b' } }, 'BadJson', /config.Env/],
  [{ Env: ['A'] }, 'BadConfig', /config.Env in x.json has "A", which is no NAME=VALUE/],
  [{ Env: ['=b'] }, 'BadConfig', /which is no NAME=VALUE/],
  [{ User: 0 }, 'BadJson', /config.User in x.json is no text/],
  [{ WorkingDir: ['/'] }, 'BadJson', /config.WorkingDir/],
  [{ WorkingDir: '/\0' }, 'BadConfig', /NUL/],
  [{ ExposedPorts: ['80/tcp'] }, 'BadJson', /config.ExposedPorts/],
  [{ Volumes: { '/data': 'x' } }, 'BadJson', /"\/data" of config.Volumes in x.json is no object/],
  [{ StopSignal: 9 }, 'BadJson', /config.StopSignal/],
  [{ Labels: { a: 1 } }, 'BadJson', /"a" of config.Labels/],
]

test('wrong types are refused by the name of the field', () => {
  for (const [config, code, message] of wrong) assert.throws(() => parse(config), { code, message })
})

test('an image with a configuration that cannot be used is not loaded', async (t) => {
  const { store, file } = world(t)
  const archive = dockerArchive([tar([])], ['test:1'], { config: { Env: ['A'] } })
  await assert.rejects(store.load(file(archive)), { code: 'BadConfig' })
  assert.deepEqual(store.list(), [])
})
