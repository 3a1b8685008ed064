import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCidr } from '../base/address.ts'
import { controlAddress, dnsAddress, kubernetesAddress, nodeAddress, parseSettings, routerAddress } from './settings.ts'

test('without wishes a lab is the picture', () => {
  const lab = parseSettings({})
  assert.equal(lab.name, 'lab')
  assert.equal(lab.nodes, 3)
  assert.equal(formatCidr(lab.podCidr), '100.96.0.0/11')
  assert.deepEqual(
    [
      routerAddress(lab),
      controlAddress(lab),
      nodeAddress(lab, 1),
      nodeAddress(lab, 3),
      kubernetesAddress(lab),
      dnsAddress(lab),
    ],
    ['192.168.50.1', '192.168.50.2', '192.168.50.11', '192.168.50.13', '100.64.0.1', '100.64.0.10'],
  )
  assert.equal(lab.nodeDns, false)
  assert.equal(lab.zone, 'cluster.local')
  assert.equal(parseSettings({ zone: 'K8s.Example.' }).zone, 'k8s.example')
})

test('each wrong wish is refused with what would be right', () => {
  const rows: [Parameters<typeof parseSettings>[0], RegExp][] = [
    [{ name: 'My Lab' }, /"My Lab" is no name for a lab/],
    [{ name: '../x' }, /is no name for a lab/],
    [{ name: 'a'.repeat(21) }, /at most 20 characters/],
    [{ nodes: '0' }, /--nodes must be a whole number from 1 to 100/],
    [{ nodes: 'three' }, /--nodes must be a whole number/],
    [{ nodes: '1e1' }, /--nodes must be a whole number/],
    [{ podCidr: '10.0.0.5/16' }, /--pod-cidr "10.0.0.5\/16" is no address range/],
    [{ podCidr: '300.0.0.0/8' }, /is no address range/],
    [{ podCidr: '10.0.0.0/25' }, /too small: 3 nodes need 4 ranges of \/24/],
    [{ podCidr: '10.0.0.0/23' }, /too small/],
    [{ podCidr: 'fd00::/48' }, /IPv6/],
    [{ serviceCidr: '100.96.0.0/16' }, /--pod-cidr 100.96.0.0\/11 overlaps --service-cidr 100.96.0.0\/16/],
    [{ nodeCidr: '100.64.3.0/24' }, /--service-cidr .* overlaps --node-cidr/],
    [{ nodeCidr: '192.168.50.0/29' }, /too small: 3 nodes need 15 addresses/],
    [{ serviceCidr: '127.0.0.0/16' }, /fixed meaning/],
    [{ podCidr: '0.0.0.0/0' }, /fixed meaning/],
    [{ zone: 'not a name' }, /--zone "not a name" is no domain/],
    [{ zone: 'a..b' }, /is no domain/],
    [{ zone: `${'a'.repeat(60)}.com.x` }, /at most 63 characters/],
    [{ apiPort: '70000' }, /--api-port must be a whole number from 0 to 65535/],
  ]
  for (const [input, expected] of rows) assert.throws(() => parseSettings(input), expected, JSON.stringify(input))
})

test('everything wrong is said at once', () => {
  assert.throws(
    () => parseSettings({ name: '!', nodes: '0', podCidr: 'x' }),
    (error: Error) => ['no name', '--nodes', '--pod-cidr'].every((part) => error.message.includes(part)),
  )
})
