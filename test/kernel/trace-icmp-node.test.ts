// A node's own socket is told of an error by no device that could be watched as the last: nf_tables' trace of the input chain has it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import type { Observation } from '../../src/trace/observation.ts'
import { readIp } from '../../src/trace/packet/ip.ts'
import { World } from './trace-world.ts'

test('that the time to live of a node’s own request was used up is reported by the kernel at the node’s own socket, and told', async () => {
  await using world = new World()
  const agent = world.agents.get('node1')
  assert.ok(agent)
  const seen: Observation[] = []
  const agents = new Map(world.agents).set('node1', {
    ...agent,
    async *observe(spec, signal) {
      for await (const one of agent.observe(spec, signal)) {
        seen.push(one)
        yield one
      }
    },
  })
  world.pod('far', 'node2')
  writeSysctl('net.ipv4.ip_default_ttl', 1, world.node('node1'))
  const trace = await world.trace('node/node1', 'udp://pod/far:53', { agents, timeoutMs: 1000 })
  assert.equal(trace.verdict, 'unreachable', JSON.stringify(trace, null, 1))
  assert.match(trace.hops.at(-1)?.say ?? '', /time to live is used up.*: thrown away$/)
  const told = seen.flatMap((one) => {
    const ip = one.kind === 'local' && one.direction === 'in' ? readIp(Buffer.from(one.bytes, 'base64')) : undefined
    return ip?.transport?.kind === 'icmp' ? [ip.transport.type] : []
  })
  assert.deepEqual(told, [11])
  const last = trace.reply.at(-1)
  assert.equal(last?.place, 'node1')
  assert.match(last.say, /^node1 is told "time exceeded", by /)
})
