import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubehopError } from '../base/errors.ts'
import { KernelError, errnoOf } from '../kernel/libc.ts'
import { explainRefusal, needNamespaces, needSpace } from './needs.ts'

const system =
  (settings: Record<string, string>) =>
  (path: string): string | undefined =>
    settings[path]

test('a system that forbids user namespaces is told by the setting, with what allows them', () => {
  const rows: [Record<string, string>, RegExp][] = [
    [
      { 'kernel/unprivileged_userns_clone': '0' },
      /kernel\.unprivileged_userns_clone = 0[^]*sysctl kernel\.unprivileged_userns_clone=1/,
    ],
    [{ 'kernel/apparmor_restrict_unprivileged_userns': '1' }, /sysctl kernel\.apparmor_restrict_unprivileged_userns=0/],
    [{ 'user/max_user_namespaces': '0' }, /sysctl user\.max_user_namespaces=15000/],
  ]
  for (const [settings, expected] of rows) assert.throws(() => needNamespaces(1000, system(settings)), expected)
})

test('root is stopped by limits only, and a system that allows everything stops nobody', () => {
  assert.throws(() => needNamespaces(0, system({ 'user/max_net_namespaces': '0' })), /user\.max_net_namespaces/)
  needNamespaces(0, system({ 'kernel/unprivileged_userns_clone': '0' }))
  needNamespaces(1000, system({ 'kernel/unprivileged_userns_clone': '1', 'user/max_user_namespaces': '96365' }))
  needNamespaces(1000)
})

test('a refusal that no setting told is explained; other errors stay what they are', () => {
  const refused = explainRefusal(new KernelError('make a user namespace', errnoOf('EPERM')))
  assert.match(refused.message, /EPERM.*AppArmor.*run as root/)
  assert.equal(refused.code, 'NoNamespaces')
  assert.match(explainRefusal(new KernelError('make namespaces', errnoOf('ENOSPC'))).message, /limit of namespaces/)
  const other = new KubehopError('lab', 'start', 'PortTaken', 'taken')
  assert.equal(explainRefusal(other), other)
})

test('a disk that is nearly full is told before anything is started', () => {
  assert.throws(() => needSpace('/state/lab', () => 200 * 1024), {
    code: 'NoSpace',
    message: /only 0\.2 MB are free in \/state\/lab, and a lab needs 8\.0: make room, or set KUBEHOP_STATE/,
  })
  needSpace('/state/lab', () => 2 ** 30)
  needSpace('/')
})
