import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { AgentNode, said } from './cni-agent-world.ts'
import { refused } from './cni-plugin-world.ts'

/** A connection that was greeted. */
async function greeted(node: AgentNode): Promise<Socket> {
  const socket = createConnection(node.socketPath)
  // The agent hangs up on who says what it does not understand.
  socket.on('error', () => socket.destroy())
  const [hello] = (await once(socket, 'data')) as [Buffer]
  assert.equal(hello.toString('latin1'), 'KUBEHOP\u0001')
  return socket
}

async function answerOf(socket: Socket): Promise<{ exitCode: number; code: unknown; msg: string }> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const whole = Buffer.concat(chunks)
  const { code, msg } = JSON.parse(whole.toString('utf8', 8)) as { code: unknown; msg: string }
  return { exitCode: whole.readUInt32LE(4), code, msg }
}

function frame(bytes: string | Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, Buffer.from(bytes)])
}

test('a request that no launcher would send has an error, and hurts nobody else', async () => {
  using node = new AgentNode()
  using a = createNetns()
  const silent = await greeted(node)
  const end = frame('')
  for (const [bytes, code, words] of [
    [frame('CNI_COMMAND=ADD'), 6, 'does not end with a NUL'],
    [Buffer.concat([frame('A=1\0'), end, Buffer.from('more')]), 6, '4 bytes follow its end'],
    [Buffer.from([0xff, 0xff, 0xff, 0xff]), 5, 'a part of it would be 4294967295 bytes'],
    [Buffer.concat([frame('A=1\0'), end]), 4, 'CNI_COMMAND is ""'],
    [Buffer.concat([frame('CNI_COMMAND=ADD\0CNI_COMMAND=DEL\0'), end]), 4, 'ADD needs CNI_CONTAINERID'],
    [Buffer.concat([frame('__proto__=x\0=\0\0CNI_COMMAND=VERSION\0'), frame('{'), end]), undefined, undefined],
  ] as const) {
    const socket = await greeted(node)
    socket.write(bytes)
    const answer = await answerOf(socket)
    assert.deepEqual([answer.exitCode, answer.code], [code === undefined ? 0 : 1, code], answer.msg)
    if (words !== undefined) assert.ok(answer.msg.includes(words), answer.msg)
  }
  const cut = await greeted(node)
  cut.end(Buffer.concat([frame('CNI_COMMAND=GC\0'), frame('{')]))
  await once(cut, 'close')
  assert.equal(node.add('a', a), '10.22.0.2/24')
  silent.destroy()
})

test('a configuration of megabytes is read, up to a limit', () => {
  using node = new AgentNode()
  using a = createNetns()
  const padded = (size: number): object => node.config({ args: { padding: 'x'.repeat(size) } })
  assert.equal(node.run('ADD', 'a', a, padded(3 << 20)).exitCode, 0)
  refused(node.run('DEL', 'a', a, padded(5 << 20)), 5, 'larger than 4194304 bytes')
  node.del('a', a)
})

test('more connections than the agent takes wait for one to leave', async () => {
  using node = new AgentNode()
  using a = createNetns()
  const idle = await Promise.all(Array.from({ length: 64 }, () => greeted(node)))
  const late = createConnection(node.socketPath)
  await once(late, 'connect')
  const waiting = node.start('ADD', 'a', a)
  idle[0]?.destroy()
  await once(late, 'data')
  assert.equal(waiting.exitCode, null)
  idle[1]?.destroy()
  assert.equal((await said(waiting)).code, 0)
  for (const socket of [...idle, late]) socket.destroy()
})

test('another user is sent away, even when the socket is open to all', () => {
  using node = new AgentNode()
  chmodSync(node.socketPath, 0o666)
  chmodSync(node.folder, 0o755)
  const { stdout, stderr, status } = spawnSync('setpriv', ['--reuid', '65534', '--clear-groups', node.launcher], {
    env: { CNI_COMMAND: 'VERSION', PATH: process.env['PATH'] },
    input: '{}',
    encoding: 'utf8',
  })
  // An ordinary user's namespace has no other user: then nobody else can come.
  if (status === 127 || stderr.includes('setresuid')) return
  assert.match(stdout, /no agent answers/, 'the launcher goes its own way, and there is none')
})

test('a network whose addresses another plugin gives has a process of its own, which ends with its launcher', async () => {
  using node = new AgentNode()
  using a = createNetns()
  using b = createNetns()
  const bin = join(node.folder, 'bin')
  const [asked, go] = [join(node.folder, 'asked'), join(node.folder, 'go')]
  mkdirSync(bin)
  spawnSync('mkfifo', [asked, go])
  // It says that it was asked, and answers when it may.
  const result = { cniVersion: '1.1.0', ips: [{ address: '10.22.0.77/24', gateway: '10.22.0.1' }], dns: {} }
  const ipam = `#!/bin/sh\necho $CNI_COMMAND >${asked}\n[ $CNI_COMMAND = DEL ] || { read line <${go}; echo '${JSON.stringify(result)}'; }\n`
  writeFileSync(join(bin, 'slow'), ipam, { mode: 0o755 })
  const config = node.config({ ipam: { type: 'slow' } })
  const hear = async (): Promise<string> => (await readFile(asked, 'utf8')).trim()
  const path = { CNI_PATH: bin }

  const child = node.start('ADD', 'a', a, config, undefined, path)
  assert.equal(await hear(), 'ADD')
  const other = node.config({ name: 'other', bridge: 'br1', dataDir: join(node.folder, 'other') })
  assert.equal(node.add('b', b, other), '10.22.0.2/24', 'nobody waits for it')
  await writeFile(go, 'go\n')
  const { code, out } = await said(child)
  assert.deepEqual(
    [code, (out['ips'] as object[])[0]],
    [0, { address: '10.22.0.77/24', gateway: '10.22.0.1', interface: 2 }],
  )
  const back = node.start('DEL', 'a', a, config, undefined, path)
  assert.equal(await hear(), 'DEL')
  assert.equal((await said(back)).code, 0)

  const killed = node.start('ADD', 'a', a, config, undefined, path)
  assert.equal(await hear(), 'ADD')
  const plugins = (): number[] => childrenOf(node.agent.pid ?? 0)
  assert.equal(plugins().length, 1)
  killed.kill('SIGKILL')
  while (plugins().length > 0) await new Promise((resolve) => setImmediate(resolve))
  // The other plugin's program, which its runtime's end does not end: it hears, and tells nobody.
  await writeFile(go, 'go\n')
  const again = node.start('DEL', 'a', a, config, undefined, path)
  assert.equal(await hear(), 'DEL')
  assert.equal((await said(again)).code, 0)
  node.del('b', b, other)
  node.assertNothingLeft('at the end')
})

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
}

test('after hundreds of requests of every kind the agent has nothing more open than before', async () => {
  using node = new AgentNode()
  using a = createNetns()
  const descriptors = (): number => readdirSync(`/proc/${node.agent.pid}/fd`).length
  const config = node.config({ ipMasq: true, 'cni.dev/valid-attachments': [] })
  const round = (): void => {
    node.add('a', a, config)
    refused(node.run('ADD', 'a', a, config), 100, 'already')
    refused(node.run('ADD', 'b', '/gone', config), 3, '/gone')
    node.del('a', a, config)
    assert.equal(node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, config).exitCode, 0)
    for (const command of ['VERSION', 'NOPE', 'STATUS']) node.call({ CNI_COMMAND: command, CNI_PATH: '/x' }, config)
    createConnection(node.socketPath).destroy()
  }
  round()
  round()
  const before = descriptors()
  for (let i = 0; i < 40; i++) round()
  // What was closed on other threads is closed soon; what leaks never is, and the test's time runs out.
  while (descriptors() > before) await new Promise((resolve) => setImmediate(resolve))
  node.assertNothingLeft('at the end')
})
