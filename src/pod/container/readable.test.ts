import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { cwdOp, execOp } from './become.ts'
import { readable } from './readable.ts'

const told = (op: string, code: string, argv: string[] = ['node']): string =>
  messageOf(readable(new KubehopError('kernel', op, code, code), { argv, cwd: '/srv/app' }))

test('a directory that cannot be entered is named, with what to do', () => {
  const remedy = 'set workingDir to a directory that the container has, or mount a volume there'
  assert.equal(told(cwdOp, 'ENOENT'), `pod: enter the working directory: /srv/app: no such directory; ${remedy}`)
  assert.equal(told(cwdOp, 'ENOTDIR'), `pod: enter the working directory: /srv/app: not a directory; ${remedy}`)
})

test('a program that cannot be started is told in the words of other runtimes', () => {
  assert.equal(told(execOp(['node']), 'ENOENT'), 'pod: exec "node": executable file not found in $PATH')
  assert.equal(told(execOp(['/a']), 'ENOENT', ['/a']), 'pod: exec "/a": no such file or directory')
  assert.match(told(execOp(['node']), 'ENOEXEC'), /exec format error/)
})

test('what else the kernel refuses is told as it is', () => {
  assert.equal(told('set the user', 'EINVAL'), 'kernel: set the user: EINVAL')
  assert.equal(readable('text', { argv: [], cwd: '/' }), 'text')
})
