import assert from 'node:assert/strict'
import { test } from 'node:test'
import { execEnvironment } from './exec-environment.ts'

const root = { uid: 0 }
const onlyRoot = { user: (id: number): boolean => id === 0 }
const everybody = { user: (): boolean => true }
const env = new Map([['A', '1']])

test('a terminal has a type, which the container may choose', () => {
  assert.deepEqual([...execEnvironment(env, { command: ['sh'] }, root, everybody)], [['A', '1']])
  const terminal = { command: ['sh'], tty: true }
  assert.equal(execEnvironment(env, terminal, root, everybody).get('TERM'), 'xterm')
  assert.equal(execEnvironment(new Map([['TERM', 'dumb']]), terminal, root, everybody).get('TERM'), 'dumb')
  assert.equal(env.size, 1)
})

test('where root is the only user, tar leaves owners alone; others hear nothing of it', () => {
  const told = (command: string, who = root, ids = onlyRoot, given = env): string | undefined =>
    execEnvironment(given, { command: [command] }, who, ids).get('TAR_OPTIONS')
  assert.equal(told('tar'), '--no-same-owner')
  assert.equal(told('sh'), undefined)
  assert.equal(told('tar', { uid: 1000 }), undefined)
  assert.equal(told('tar', root, everybody), undefined)
  assert.equal(told('tar', root, onlyRoot, new Map([['TAR_OPTIONS', '--xattrs']])), '--xattrs')
})
