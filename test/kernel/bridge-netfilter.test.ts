import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askForPhysdev, needBridgeNetfilter } from '../../src/kernel/bridge-netfilter.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'

test('the kernel accepts the rule that makes it load br_netfilter, and nothing of it stays', () => {
  using ns = createNetns()
  askForPhysdev(ns)
  using nftables = openNftables(ns)
  assert.equal(nftables.read({ family: 'ip', name: 'kubehop-needs-br-netfilter' }), undefined)
  assert.equal(needBridgeNetfilter(ns), true)
})
