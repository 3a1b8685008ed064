import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutEchoes } from './echoes.ts'
import type { Finding, ObjectReference } from './types.ts'

const pod = (name: string): ObjectReference => ({ kind: 'Pod', namespace: 'shop', name })
const web: ObjectReference = { kind: 'Service', namespace: 'shop', name: 'web' }
const finding = (code: string, object: ObjectReference, ...also: ObjectReference[]): Finding => ({
  number: 1,
  code,
  level: 'error',
  object,
  also,
  sure: 'certain',
  evidence: [{ kind: 'object', text: code }],
  say: code,
  fix: code,
})
const left = (...findings: Finding[]): string[] => withoutEchoes(findings).map(({ code }) => code)

test('what a cause looks like on its own object is not told again, whatever the order', () => {
  const cause = finding('SelectorMatchesNothing', web)
  const echo = finding('PortNotInSlice', web)
  assert.deepEqual(left(cause, echo), ['SelectorMatchesNothing'])
  assert.deepEqual(left(echo, cause), ['SelectorMatchesNothing'])
  assert.deepEqual(left(echo), ['PortNotInSlice'])
  assert.deepEqual(left(cause, finding('PortNotInSlice', { ...web, name: 'api' })).length, 2)
})

test('a service without a ready pod is explained by its pods only when all of them are', () => {
  const nobody = finding('NoReadyPod', web, pod('a'), pod('b'))
  assert.deepEqual(left(nobody, finding('PortTaken', pod('a'))), ['NoReadyPod', 'PortTaken'])
  assert.deepEqual(left(nobody, finding('PortTaken', pod('a')), finding('LoopbackOnly', pod('b'))), [
    'PortTaken',
    'LoopbackOnly',
  ])
})

test('services of the same pods are explained together', () => {
  const taken = finding('NoReadyPod', web, { ...web, name: 'web-too' }, pod('a'))
  assert.deepEqual(left(taken, finding('PortNotInSlice', { ...web, name: 'web-too' })), ['NoReadyPod'])
})
