import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { AgentNode } from './cni-agent-world.ts'

test('pods are connected, checked and disconnected by the agent alone', async () => {
  using node = new AgentNode()
  using a = createNetns()
  using b = createNetns()
  const said = node.run('ADD', 'a', a)
  assert.equal(said.exitCode, 0, said.stdout + said.stderr)
  assert.equal(node.add('b', b), '10.22.0.3/24')
  for (const to of ['10.22.0.3', '10.22.0.1'])
    assert.equal((await echo({ ns: a, to: address(to), timeoutMs: 5000 })).answer, 'reply')
  const config = node.config({ prevResult: said.out })
  assert.deepEqual(node.run('CHECK', 'a', a, config).exitCode, 0)
  node.del('a', a)
  node.del('a', a)
  node.del('b', b)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
  await node.stopAgent()
})
