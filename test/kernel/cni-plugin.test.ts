import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pluginIn, refused } from './cni-plugin-world.ts'

const plugin = pluginIn()
const config = { cniVersion: '1.1.0', name: 'pods', type: 'kubehop' }
const pod = { CNI_CONTAINERID: 'a', CNI_NETNS: '/var/run/netns/a', CNI_IFNAME: 'eth0', CNI_PATH: '/opt/cni/bin' }

test('without CNI_COMMAND the plugin shows how it is used', () => {
  const said = plugin({}, '')
  assert.equal(said.exitCode, 0)
  assert.equal(said.stdout, '')
  assert.match(said.stderr, /^usage: CNI_COMMAND=/)
})

test('a command that is none is refused by name', () => refused(plugin({ CNI_COMMAND: 'NOPE' }, config), 4, '"NOPE"'))

test('all that is missing in the environment is named at once', () =>
  refused(plugin({ CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'a' }, config), 4, 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'))

test('container ids and interface names that are none are refused', () => {
  for (const id of ['a%', '../a', '-a'])
    refused(plugin({ ...pod, CNI_COMMAND: 'ADD', CNI_CONTAINERID: id }, config), 4, 'CNI_CONTAINERID', id)
  for (const name of ['sixteen-letters-', '.', '..', 'a/b', 'a:b', 'a b'])
    refused(plugin({ ...pod, CNI_COMMAND: 'ADD', CNI_IFNAME: name }, config), 4, 'CNI_IFNAME', name)
})

test('CNI_ARGS that nobody understands are refused, unless they may be ignored', () => {
  refused(plugin({ ...pod, CNI_COMMAND: 'ADD', CNI_ARGS: 'IP' }, config), 4, '"IP"')
  refused(plugin({ ...pod, CNI_COMMAND: 'ADD', CNI_ARGS: 'K8S_POD_NAME=a' }, config), 4, 'K8S_POD_NAME')
})

test('VERSION is answered whatever stdin holds', () => {
  const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0']
  for (const [stdin, cniVersion] of [
    [{ cniVersion: '0.4.0' }, '0.4.0'],
    [{ cniVersion: '7.0.0' }, '1.1.0'],
    ['no JSON', '1.1.0'],
  ] as const)
    assert.deepEqual(plugin({ CNI_COMMAND: 'VERSION' }, stdin).out, { cniVersion, supportedVersions })
})

test('stdin that cannot be read, is not JSON, has no name, or is of another version is refused, each with its code', () => {
  const del = { ...pod, CNI_COMMAND: 'DEL' }
  refused(plugin(del, 'a folder'), 5, 'EISDIR')
  refused(plugin(del, '{"cniVersion":'), 6, 'not JSON')
  refused(plugin(del, '[]'), 6, 'no object')
  refused(plugin(del, { cniVersion: '1.0.0' }), 7, 'no name')
  refused(plugin(del, { ...config, name: '../x' }), 7, '../x')
  refused(plugin(del, { ...config, cniVersion: '2.0.0' }), 1, '"2.0.0"', '0.3.1, 0.4.0, 1.0.0, 1.1.0')
  refused(plugin(del, { name: 'pods', type: 'kubehop' }), 1, '"0.1.0"')
})

test('commands that are newer than the configuration are refused', () => {
  for (const [command, cniVersion] of [
    ['CHECK', '0.3.1'],
    ['GC', '1.0.0'],
    ['STATUS', '1.0.0'],
  ])
    refused(plugin({ ...pod, CNI_COMMAND: command }, { ...config, cniVersion }), 1, `${command} is there since`)
})
