import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joined, readResult, type Result, writeResult } from './result.ts'
import { versions } from './version.ts'

const result: Result = {
  interfaces: [
    { name: 'cbr0', mac: '0a:58:0a:16:00:01', mtu: 1500 },
    { name: 'eth0', sandbox: '/var/run/netns/a', pciID: '00:01' },
  ],
  ips: [
    { address: '10.22.0.2/16', gateway: '10.22.0.1', interface: 1 },
    { address: 'fd00::2/64', interface: 1 },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.22.0.1', priority: 7 }],
  dns: { nameservers: ['10.0.0.10'] },
}

test('a result loses in older versions what these cannot say, and gains what they must', () => {
  assert.deepEqual(writeResult(result, '0.4.0'), {
    cniVersion: '0.4.0',
    interfaces: [
      { name: 'cbr0', mac: '0a:58:0a:16:00:01' },
      { name: 'eth0', sandbox: '/var/run/netns/a' },
    ],
    ips: [
      { version: '4', address: '10.22.0.2/16', gateway: '10.22.0.1', interface: 1 },
      { version: '6', address: 'fd00::2/64', interface: 1 },
    ],
    routes: [{ dst: '0.0.0.0/0', gw: '10.22.0.1' }],
    dns: { nameservers: ['10.0.0.10'] },
  })
  assert.deepEqual(writeResult(result, '1.0.0')['ips'], result.ips)
  assert.deepEqual(writeResult(result, '1.1.0'), { cniVersion: '1.1.0', ...result })
})

test('what is written is read again, from every version', () => {
  assert.deepEqual(readResult(writeResult(result, '1.1.0')), result)
  for (const version of versions) assert.deepEqual(readResult(writeResult(result, version)).ips, result.ips, version)
})

test('results that are none are refused with the place', () => {
  for (const [value, word] of [
    [[], /prevResult is \[\]/],
    [{ interfaces: {} }, /prevResult\.interfaces is \{\}/],
    [{ interfaces: [{}] }, /prevResult\.interfaces\[0\]\.name/],
    [{ ips: [{ address: '10.0.0.1' }] }, /prevResult\.ips\[0\]\.address is "10\.0\.0\.1"/],
    [
      { interfaces: [{ name: 'a' }], ips: [{ address: '10.0.0.1/8', interface: 1 }] },
      /prevResult\.ips\[0\]\.interface is 1/,
    ],
  ] as const)
    assert.throws(() => readResult(value), { name: 'CniError', code: 7, message: word })
})

test('joining moves places behind those of the plugin before', () => {
  assert.deepEqual(
    joined(result, result).ips.map((ip) => ip.interface),
    [1, 1, 3, 3],
  )
})
