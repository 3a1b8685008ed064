import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cluster, LabPlace } from '../../trace/cluster/cluster.ts'
import { check as settings } from './19-settings.ts'
import { onNode } from './on-node.ts'
import { machine, view } from './testing.ts'

const cluster = (lab?: Partial<LabPlace>): Cluster => ({
  ...view().cluster,
  ...(lab && { lab: { folder: '/run/kubehop/lab', userNamespace: false, ...lab } }),
})

test('a command on a node of a lab is a line for the machine that the lab is on: root, and an ordinary user', () => {
  const enter = String.raw`PATH=$PATH:/usr/sbin nsenter -t $(pgrep -of '^kubehop node node1 .*/run/kubehop/lab/')`
  assert.equal(onNode(cluster({}), 'node1', 'ip route').command, `${enter} -n ip route`)
  assert.equal(
    onNode(cluster({ userNamespace: true }), 'node1', 'ip route').command,
    `${enter} -U --preserve-credentials -n ip route`,
  )
})

test('a folder is what it says in a shell and in a pattern', () => {
  const { command = '' } = onNode(cluster({ folder: "/tmp/it's (1.0)/lab" }), 'node1', 'ip route')
  assert.ok(command.includes(String.raw`/tmp/it'\''s \(1\.0\)/lab/'`), command)
})

test('in other clusters, and of the router, nobody here knows how to get there', () => {
  assert.deepEqual(onNode(cluster(), 'node1', 'ip route'), {})
  assert.deepEqual(onNode(cluster({}), 'router', 'ip route'), {})
})

test('a finding about a node’s kernel has the line beside its fix', () => {
  const off = machine('node1', { sysctls: { 'net.ipv4.ip_forward': '0', 'net.bridge.bridge-nf-call-iptables': '1' } })
  const [found] = settings.find(view({ cluster: cluster({}), machines: [off] }))
  assert.equal(found?.fix, 'on node1: sysctl -w net.ipv4.ip_forward=1')
  assert.match(found.command ?? '', / -n sysctl -w net\.ipv4\.ip_forward=1$/)
})
