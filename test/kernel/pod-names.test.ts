import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PodSpec } from '../../src/api/objects/pod.ts'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

// What a container really finds of resolv.conf, hosts and its name; every combination is in src/pod/files.test.ts.

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const cluster = 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 100.64.0.10\n'
const own = 'nameserver 192.0.2.1\n'

const rows: [name: string, spec: Partial<PodSpec>, resolvConf: string][] = [
  ['first', { dnsPolicy: 'ClusterFirst' }, `${cluster}options ndots:5\n`],
  ['node-s', { dnsPolicy: 'Default' }, own],
  ['on-node', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, own],
  ['on-node-too', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, `${cluster}options ndots:5\n`],
  [
    'none',
    {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.9'], searches: ['a.example'], options: [{ name: 'rotate' }] },
    },
    'search a.example\nnameserver 192.0.2.9\noptions rotate\n',
  ],
  ['fewer-dots', { dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }, `${cluster}options ndots:1\n`],
]
for (const [name, spec, expected] of rows)
  test(`resolv.conf of a pod with ${JSON.stringify(spec)}`, async () => {
    assert.equal(await node.sh(name, 'cat /etc/resolv.conf', {}, spec), expected)
    await node.delete(name)
  })

test('aliases are in hosts, and with setHostnameAsFQDN the kernel knows the whole name', async () => {
  const out = await node.sh(
    'names',
    'uname -n; getent hosts partner.example; tail -2 /etc/hosts',
    {},
    {
      hostname: 'me',
      subdomain: 'us',
      setHostnameAsFQDN: true,
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['partner', 'partner.example'] }],
    },
  )
  const alias = '192.0.2.7\tpartner\tpartner.example\n'
  assert.equal(
    out.replace(/ {2,}.*/, ''),
    `me.us.default.svc.cluster.local\n192.0.2.7\n# Entries added by HostAliases.\n${alias}`,
  )
  await node.delete('names')
})
