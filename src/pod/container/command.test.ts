import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandOnHost } from './command.ts'

const person = { stdin: true, tty: true }

test('on this machine the command and its arguments are what runs', () => {
  assert.deepEqual(commandOnHost({}, { command: ['node'], args: ['a.js'] }), ['node', 'a.js'])
  assert.deepEqual(commandOnHost(person, { args: ['ls'] }), ['ls'])
})

test('who sits before a terminal and gives no command gets a shell', () => {
  assert.deepEqual(commandOnHost(person, {}), ['sh'])
  assert.deepEqual(commandOnHost(person, { command: [], args: [] }), ['sh'])
})

test('without a command and a person the error says what to set', () => {
  for (const streams of [{}, { stdin: true }, { tty: true }])
    assert.throws(() => commandOnHost(streams, {}), { code: 'CreateContainerConfigError', message: /set command/ })
  assert.throws(() => commandOnHost(person, { command: [''] }), { code: 'CreateContainerConfigError' })
})
