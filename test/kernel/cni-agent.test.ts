import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { tryLockFolder } from '../../src/kernel/lock.ts'
import { createNetns, inNetns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { deleteLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { AgentNode, said } from './cni-agent-world.ts'
import { addressOf, pluginIn, refused, type Said } from './cni-plugin-world.ts'

test('pods are connected, checked and disconnected by the agent alone', async () => {
  using node = new AgentNode()
  using a = createNetns()
  using b = createNetns()
  const added = node.run('ADD', 'a', a)
  assert.equal(addressOf(added), '10.22.0.2/24')
  assert.equal(node.add('b', b), '10.22.0.3/24')
  for (const to of ['10.22.0.3', '10.22.0.1'])
    assert.equal((await echo({ ns: a, to: address(to), timeoutMs: 5000 })).answer, 'reply')
  assert.equal(node.run('CHECK', 'a', a, node.config({ prevResult: added.out })).exitCode, 0)
  node.del('a', a)
  node.del('a', a)
  node.del('b', b)
  node.assertNothingLeft('at the end')
  await node.stopAgent()
})

test('without an agent the installed plugin does the same by itself, and both see the same addresses', async () => {
  using node = new AgentNode({ fallback: true })
  using a = createNetns()
  using b = createNetns()
  assert.equal(node.add('a', a), '10.22.0.2/24')
  await node.killAgent()
  assert.ok(existsSync(node.socketPath), 'a socket that nobody listens at')
  assert.equal(node.add('b', b), '10.22.0.3/24')
  node.agent = node.startAgent()
  node.del('b', b)
  await node.stopAgent()
  node.del('a', a)
  node.assertNothingLeft('at the end')
})

test('the agent and a plugin beside it, by turns, give each address once and know at once what the other freed', () => {
  using node = new AgentNode()
  const config = node.config({ ipam: { type: 'host-local', subnet: '10.22.0.0/29' } })
  const agent = node.call
  const beside = pluginIn(node.ns, [process.execPath, resolve('src/cli/main.ts'), 'cni'])
  using stack = new DisposableStack()
  const pods = Array.from({ length: 7 }, () => stack.use(createNetns()))
  const by = (who: typeof agent, command: string, at: number): Said => {
    node.call = who
    return node.run(command, `pod${at}`, pods[at] ?? assert.fail(), config)
  }
  const gives = (who: typeof agent, at: number): string => addressOf(by(who, 'ADD', at)).replace('10.22.0.', '')
  assert.deepEqual([gives(agent, 0), gives(beside, 1), gives(agent, 2)], ['2/29', '3/29', '4/29'])
  refused(by(agent, 'ADD', 1), 100, 'already, with 10.22.0.3')
  assert.deepEqual([gives(beside, 3), gives(agent, 4)], ['5/29', '6/29'])
  refused(by(agent, 'ADD', 5), 102, 'no IP addresses available')
  assert.equal(by(beside, 'DEL', 0).exitCode, 0)
  assert.equal(gives(agent, 5), '2/29')
  // The agent frees what it never gave, and the plugin gives it again.
  assert.equal(by(agent, 'DEL', 1).exitCode, 0)
  assert.equal(gives(beside, 6), '3/29')
  refused(by(agent, 'ADD', 0), 102, 'no IP addresses available')
  // Whoever removes all that is written down has freed it, as ever.
  rmSync(join(node.dataDir, 'pods'), { recursive: true })
  assert.deepEqual(node.leases(), [])
  for (const at of pods.keys()) assert.equal(by(agent, 'DEL', at).exitCode, 0)
  assert.equal(gives(agent, 0), '2/29')
  assert.equal(by(agent, 'DEL', 0).exitCode, 0)
  node.assertNothingLeft('at the end')
})

test("a plugin's network namespace is the node that is meant, wherever the agent is", () => {
  using node = new AgentNode()
  using other = createNetns()
  using a = createNetns()
  node.call = node.plugin(other)
  assert.equal(node.add('a', a), '10.22.0.2/24')
  assert.equal(node.socket.link('cbr0'), undefined)
  using there = openRouteSocket(other)
  assert.equal(there.link('cbr0')?.up, true)
  node.del('a', a)
  assert.equal(there.links().filter((link) => link.kind === 'veth').length, 0, 'deleted when DEL answers')
})

test("a namespace's path is what it is for the runtime: in its mount namespace, through its links, by its own descriptors", () => {
  using node = new AgentNode()
  using a = createNetns()
  const [hidden, link] = [join(node.folder, 'netns'), join(node.folder, 'link')]
  mkdirSync(hidden)
  writeFileSync(join(hidden, 'a'), '')
  // Absolute, and of this name in the agent's mount namespace there is an empty file.
  symlinkSync(hidden, link)
  const hide = `mount --bind /proc/${process.pid}/fd/${a.fd} ${hidden}/a && exec "$0"`
  const call = node.call
  for (const path of [join(hidden, 'a'), join(link, 'a')]) {
    node.call = (env, stdin) => {
      const { status, stdout, stderr } = inNetns(node.ns, () =>
        spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', hide, node.launcher], {
          env: { PATH: process.env['PATH'], ...env },
          input: JSON.stringify(stdin),
          encoding: 'utf8',
        }),
      )
      return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
    }
    const added = node.run('ADD', 'a', path)
    assert.match(addressOf(added), /^10\.22\.0\./)
    assert.equal((added.out['interfaces'] as { sandbox?: string }[])[2]?.sandbox, path)
    assert.equal(node.run('CHECK', 'a', path, node.config({ prevResult: added.out })).exitCode, 0)
    refused(node.run('ADD', 'b', join(link, 'gone')), 3, `${link}/gone`)
    refused(node.run('ADD', 'b', node.launcher), 4, `CNI_NETNS ${node.launcher} is no network namespace`)
    node.call = call
    node.del('a', a)
    refused(node.run('ADD', 'a', path), 4, 'is no network namespace')
  }
  node.call = (env, stdin) => {
    const { status, stdout, stderr } = inNetns(node.ns, () =>
      spawnSync('sh', ['-c', `exec "$0" 9</proc/${process.pid}/fd/${a.fd}`, node.launcher], {
        env: { PATH: process.env['PATH'], ...env },
        input: JSON.stringify(stdin),
        encoding: 'utf8',
      }),
    )
    return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
  }
  const added = node.run('ADD', 'a', '/proc/self/fd/9')
  assert.equal((added.out['interfaces'] as { sandbox?: string }[])[2]?.sandbox, '/proc/self/fd/9')
  node.del('a', '/gone')
  node.assertNothingLeft('at the end')
})

test('a runtime that sees another folder for the addresses than the agent is told so', () => {
  using node = new AgentNode()
  using a = createNetns()
  const cover = `mount -t tmpfs none ${node.dataDir} && exec "$0"`
  const { stdout } = inNetns(node.ns, () =>
    spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', cover, node.launcher], {
      env: {
        PATH: process.env['PATH'],
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'a',
        CNI_NETNS: `/proc/${process.pid}/fd/${a.fd}`,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/opt/cni/bin',
      },
      input: JSON.stringify(node.config()),
      encoding: 'utf8',
    }),
  )
  assert.match(stdout, /"code": 100,\n {2}"msg": "the runtime's folder .* is not the agent's: mount it/)
  node.assertNothingLeft('at the end')
})

test('while another plugin has its turn, the agent waits without holding up anybody else', async () => {
  using node = new AgentNode()
  using a = createNetns()
  const turn = tryLockFolder(node.dataDir, 0o700) ?? assert.fail()
  const waiting = node.start('ADD', 'a', a)
  const other = node.config({ name: 'other', bridge: 'br1', dataDir: join(node.folder, 'other') })
  using b = createNetns()
  assert.equal(node.add('b', b, other), '10.22.0.2/24')
  assert.equal(node.call({ CNI_COMMAND: 'VERSION' }, '{}').exitCode, 0)
  assert.equal(waiting.exitCode, null)
  turn[Symbol.dispose]()
  assert.equal((await said(waiting)).code, 0)
  node.del('b', b, other)
  node.del('a', a)
})

test('told to end, the agent finishes what is under way; who comes then goes its own way', async () => {
  using node = new AgentNode({ fallback: true })
  using a = createNetns()
  using b = createNetns()
  const turn = tryLockFolder(node.dataDir, 0o700) ?? assert.fail()
  const waiting = node.start('ADD', 'a', a)
  // Taken before the next one, which is answered.
  assert.equal(node.call({ CNI_COMMAND: 'VERSION' }, '{}').exitCode, 0)
  const exited = once(node.agent, 'exit')
  node.agent.kill('SIGTERM')
  while (existsSync(node.socketPath)) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(node.call({ CNI_COMMAND: 'VERSION' }, '{}').exitCode, 0)
  turn[Symbol.dispose]()
  assert.equal((await said(waiting)).code, 0)
  assert.deepEqual(await exited, [0, null])
  assert.equal(node.add('b', b), '10.22.0.3/24')
})

test('DEL answers when the pod is cut off; ADD of the same pod may follow at once; a killed agent leaves nothing of it', async () => {
  using node = new AgentNode()
  using a = createNetns()
  for (let round = 0; round < 5; round++) {
    node.add('a', a)
    node.del('a', a)
  }
  node.add('a', a)
  node.del('a', a)
  await node.killAgent()
  node.agent = node.startAgent()
  assert.equal(node.socket.links().filter((link) => link.kind === 'veth').length, 0, 'the start deletes what was cut')
  assert.deepEqual(node.leases(), [])
})

test('its start frees the addresses whose cable is gone, and no others', async () => {
  using node = new AgentNode()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a)
  node.add('b', b)
  await node.stopAgent()
  const [cable] = node.socket.links().filter(({ alias }) => alias === 'cni pods a eth0')
  node.socket.apply(deleteLink(cable?.index ?? assert.fail()))
  node.agent = node.startAgent()
  assert.deepEqual(node.leases(), ['10.22.0.3'])
})

test('a second agent is refused; a socket that a killed one left is taken over; anything else there is not', async () => {
  using node = new AgentNode()
  const start = (socket: string): { status: number | null; stderr: string } =>
    inNetns(node.ns, () =>
      spawnSync(
        process.execPath,
        [resolve('src/cli/main.ts'), 'cni', 'agent', '--socket', socket, '--data-dir', node.dataDir],
        {
          encoding: 'utf8',
        },
      ),
    )
  const second = start(node.socketPath)
  assert.equal(second.status, 1)
  assert.match(second.stderr, /another agent answers there: end it first/)
  assert.deepEqual([statSync(node.socketPath).mode & 0o777, statSync(node.folder).mode & 0o777], [0o600, 0o700])
  await node.killAgent()
  node.agent = node.startAgent()
  await node.stopAgent()
  writeFileSync(node.socketPath, '')
  assert.match(start(node.socketPath).stderr, /something is there that is no socket: remove it/)
  const open = join(node.folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  assert.match(start(join(open, 'agent.sock')).stderr, /others can write to .*open: it must be this user's alone/)
  assert.match(start(`/${'x'.repeat(120)}/agent.sock`).stderr, /107 bytes at most/)
  assert.match(
    start('/proc/none/agent.sock').stderr,
    /cannot make its folder .*: run as root, or choose another --socket/,
  )
  assert.match(start('agent.sock').stderr, /--socket "agent.sock" is no absolute path/)
})
