import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { killUnheard, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(async () => node[Symbol.asyncDispose]())

const settings = [
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '79' },
  { name: 'net.ipv4.ip_local_port_range', value: '40000 40100' },
  // As sysctl(8) writes names, too. The link is there already.
  { name: 'net/ipv4/conf/eth0/rp_filter', value: '2' },
]
const files = settings.map(({ name }) => `/proc/sys/${name.replaceAll('.', '/')}`)
const read = async (name: string): Promise<string[]> =>
  (await node.exec(name, ['cat', ...files])).out.trimEnd().split('\n')

test("sysctls of the network are a pod's own, also in a new sandbox, and never the node's", async () => {
  const were = files.slice(0, 2).map((file) => readFileSync(file, 'utf8'))
  await node.run('set', { command: ['sleep', '1000'] }, { securityContext: { sysctls: settings } })
  await node.ready('set')
  assert.deepEqual(await read('set'), ['79', '40000\t40100', '2'])
  killUnheard(node.pods.list().find(({ name }) => name === 'set')?.pausePid ?? 0)
  await node.until('set', 'restarted', (pod) => {
    const status = pod?.status?.containerStatuses?.[0]
    return status?.restartCount === 1 && status.ready
  })
  assert.deepEqual(await read('set'), ['79', '40000\t40100', '2'])
  assert.deepEqual(
    files.slice(0, 2).map((file) => readFileSync(file, 'utf8')),
    were,
  )
  await node.delete('set')
})

test('a sysctl that the kernel does not have, or not with this value, is told, and its pod does not start', async () => {
  const rows = [
    ['net.core.nonesuch', '1', /FailedCreatePodSandBox: .*sysctl net\.core\.nonesuch: ENOENT: this kernel has no such/],
    ['net.core.somaxconn', 'many', /FailedCreatePodSandBox: .*sysctl net\.core\.somaxconn: EINVAL: the kernel refuses/],
  ] as const
  for (const [at, [name, value, say]] of rows.entries()) {
    const pod = `refused-${at}`
    await node.run(pod, { command: ['sleep', '1000'] }, { securityContext: { sysctls: [{ name, value }] } })
    let events: string[] = []
    while (!events.some((event) => say.test(event))) {
      await node.until(pod, 'seen', (one) => one !== undefined)
      events = await node.events(pod)
    }
    assert.deepEqual(node.network.list(), [], 'its address is given back')
    await node.delete(pod)
  }
})
