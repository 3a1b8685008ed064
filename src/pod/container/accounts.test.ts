import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Account, accountOf } from './accounts.ts'
import { commandOf } from './command.ts'
import { signalNumber, stopSignal } from './stop-signal.ts'

const passwd =
  '# people\nroot:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/srv/web:/bin/sh\nbad:x:one:2::/:\nhomeless:x:5:6:::\n'
const group = 'root:x:0:\nweb:x:1001:\nextra:x:1002:other,web\nstrange\nmany:x:1003:web\n'
const as = (user: string, runAsUser?: number, runAsGroup?: number): Account =>
  accountOf({ user, passwd, group }, runAsUser, runAsGroup)

test('USER is a user or a group of the image, by name or number', () => {
  const root = { uid: 0, gid: 0, groups: [], home: '/root' }
  const web = { uid: 1000, gid: 1001, groups: [1002, 1003], home: '/srv/web' }
  const rows: [Account, Account][] = [
    [as(''), root],
    [as('root'), root],
    [as('web'), web],
    [as('1000'), web],
    [as('web:extra'), { ...web, gid: 1002 }],
    [as('web:77'), { ...web, gid: 77 }],
    [as('77'), { uid: 77, gid: 0, groups: [], home: '/' }],
    [as('77:web'), { uid: 77, gid: 1001, groups: [], home: '/' }],
    [as('homeless'), { uid: 5, gid: 6, groups: [], home: '/' }],
    [as('web:extra', 0), root],
    [as('nobody', 1000), web],
    [as('web', 77, 88), { uid: 77, gid: 88, groups: [], home: '/' }],
    [as('web', undefined, 88), { ...web, gid: 88 }],
  ]
  for (const [is, expected] of rows) assert.deepEqual(is, expected)
  for (const [user, say] of [
    ['nobody', /unable to find user nobody: .*set securityContext.runAsUser to a number/],
    ['web:staff', /unable to find group staff/],
    ['bad', /unable to find user bad/],
    ['9999999999', /is no user or group id/],
  ] as const)
    assert.throws(() => as(user), { code: 'CreateContainerConfigError', message: say })
  const empty = accountOf({ user: '', passwd: '', group: '' }, undefined, undefined)
  assert.deepEqual(empty, { uid: 0, gid: 0, groups: [], home: '/' })
})

test('an empty list is as good as none', () => {
  const image = { entrypoint: ['e'], cmd: ['c'] }
  assert.deepEqual(commandOf(image, { command: [], args: [] }), ['e', 'c'])
  assert.deepEqual(commandOf(image, { command: [], args: ['a'] }), ['e', 'a'])
  assert.deepEqual(commandOf({ entrypoint: [], cmd: ['c'] }, {}), ['c'])
  assert.throws(() => commandOf({ entrypoint: [], cmd: [] }, {}), { code: 'CreateContainerConfigError' })
})

test('a signal has a name or a number', () => {
  const rows: [string, number | undefined][] = [
    ['SIGTERM', 15],
    ['quit', 3],
    ['9', 9],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
    ['0', undefined],
    ['65', undefined],
    ['SIGNOTHING', undefined],
    ['SIGRTMAX+1', undefined],
  ]
  for (const [text, number] of rows) assert.equal(signalNumber(text), number, text)
  const container = { name: 'c', lifecycle: { stopSignal: 'SIGUSR1' } }
  assert.deepEqual(
    [stopSignal(container, 3), stopSignal({ name: 'c' }, 3), stopSignal({ name: 'c' }, undefined)],
    [10, 3, 15],
  )
})
