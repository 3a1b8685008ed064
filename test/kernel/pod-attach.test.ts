import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Execution } from '../../src/pod/container/exec.ts'
import { killUnheard, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

/** A client that keeps what it is shown, and can wait for it. */
class Client {
  readonly attachment: Execution
  text = ''
  #wake: () => void = () => undefined

  constructor(attachment: Execution) {
    this.attachment = attachment
    for (const stream of [attachment.stdout, attachment.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.text += chunk.toString()
        this.#wake()
      })
  }

  async until(holds: (text: string) => boolean): Promise<void> {
    while (!holds(this.text)) await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

const attach = (name: string, stdin = false): Client => new Client(node.pods.attach('default', name, 'c', { stdin }))

test('a container reads its standard input, whoever sends it, and every client sees what it prints', async () => {
  await node.run('echo', { command: ['cat'], stdin: true }, { restartPolicy: 'Never' })
  await node.ready('echo')
  const [one, two] = [attach('echo', true), attach('echo', true)]
  one.attachment.stdin?.write('from one\n')
  await one.until((text) => text === 'from one\n')
  await two.until((text) => text === 'from one\n')
  one.attachment.kill()
  assert.equal(await one.attachment.exit, 0)
  two.attachment.stdin?.write('from two\n')
  await two.until((text) => text === 'from one\nfrom two\n')
  assert.equal(one.text, 'from one\n')
  two.attachment.stdin?.end()
  assert.equal(await two.attachment.exit, 0, 'who has sent everything is let go')
  const three = attach('echo', true)
  three.attachment.stdin?.write('from three\n')
  await three.until((text) => text.endsWith('from three\n'))
  assert.equal(three.text, 'from three\n', 'only what is printed from now on')
  assert.equal(await node.logs('echo'), 'from one\nfrom two\nfrom three\n')
  await node.delete('echo')
  assert.equal(await three.attachment.exit, 0)
})

test('stdinOnce: the input ends with its first client, and the container with its input', async () => {
  await node.run(
    'once',
    { command: ['sh', '-c', 'cat; echo over'], stdin: true, stdinOnce: true },
    { restartPolicy: 'Never' },
  )
  await node.ready('once')
  const watcher = attach('once')
  const client = attach('once', true)
  client.attachment.stdin?.write('words\n')
  await client.until((text) => text === 'words\n')
  client.attachment.stdin?.end('last')
  assert.equal(await watcher.attachment.exit, 0)
  assert.equal(client.text, 'words\nlastover\n')
  assert.equal(watcher.text, client.text)
  assert.equal(await node.output('once'), client.text)
  assert.throws(() => attach('once'), { code: 'Invalid', message: /container c is not running/ })
  await node.delete('once')
})

test('both outputs are told apart, and nothing is lost between attaching and printing', async () => {
  const script = 'read line; for i in $(seq 1 20000); do echo $i; done; echo error >&2; exit 3'
  await node.run('both', { command: ['sh', '-c', script], stdin: true }, { restartPolicy: 'Never' })
  await node.ready('both')
  const attachment = node.pods.attach('default', 'both', 'c', { stdin: true })
  let [out, err] = ['', '']
  attachment.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  attachment.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
  attachment.stdin?.write('go\n')
  await attachment.exit
  assert.deepEqual(
    out.trimEnd().split('\n').map(Number),
    Array.from({ length: 20_000 }, (_, at) => at + 1),
  )
  assert.equal(err, 'error\n')
  await node.delete('both')
})

test('a container has a terminal of its own, with its name and size, and its log has what it showed', async () => {
  await node.run('tty', { command: ['sh'], stdin: true, tty: true }, { restartPolicy: 'Never' })
  await node.ready('tty')
  const client = attach('tty', true)
  assert.equal(client.attachment.stderr, undefined)
  client.attachment.resize?.(101, 37)
  client.attachment.stdin?.write('tty; stty size; echo $TERM; echo me > /dev/tty; test -t 2 && echo all\n')
  await client.until((text) => /\/dev\/pts\/0\r\n37 101\r\nxterm\r\nme\r\nall\r\n/.test(text))
  client.attachment.kill()
  const again = attach('tty', true)
  again.attachment.stdin?.write('exit 4\n')
  assert.equal(await again.attachment.exit, 0)
  const pod = await node.until('tty', 'over', (one) => one?.status?.phase === 'Failed')
  assert.equal(pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 4)
  assert.match(await node.logs('tty'), /\/dev\/pts\/0\r\n37 101\r\n/)
  await node.delete('tty')
})

test('ctrl-C in a terminal reaches the program, and exec has terminals beside it', async () => {
  await node.run(
    'signal',
    {
      command: ['sh', '-c', 'trap "echo caught" INT; echo ready; while :; do sleep 0.05; done'],
      stdin: true,
      tty: true,
    },
    { restartPolicy: 'Never' },
  )
  await node.ready('signal')
  const client = attach('signal', true)
  await client.until((text) => text.includes('ready'))
  client.attachment.stdin?.write('\x03')
  await client.until((text) => text.includes('caught'))
  const shell = await node.pods.exec('default', 'signal', 'c', { command: ['tty'], tty: true })
  let out = ''
  shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  assert.equal(await shell.exit, 0)
  assert.equal(out, '/dev/pts/1\r\n')
  await node.delete('signal')
})

test('a command in a container that has just ended is refused in words', async () => {
  for (const [at, tty] of [false, true, false, true].entries()) {
    const name = `gone-${at}`
    await node.run(name, { command: ['sleep', '1000'] }, { restartPolicy: 'Never', shareProcessNamespace: at > 1 })
    await node.ready(name)
    const { containers = [] } = node.pods.list().find((one) => one.name === name) ?? {}
    killUnheard(containers[0]?.pid ?? 0)
    await assert.rejects(node.pods.exec('default', name, 'c', { command: ['true'], tty }), {
      message: 'pod: exec: container c is not running',
    })
    await node.delete(name)
  }
})
