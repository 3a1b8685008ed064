import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

test('a log is kept in the CRI format and read as what was printed', async () => {
  const out = await node.sh('cri', 'echo one; echo two >&2; printf "no end"')
  assert.match(out, /^(one\ntwo|two\none)\nno end\n$/)
  const { metadata } = (await node.client.get('Pod', 'cri', 'default')) ?? {}
  const text = readFileSync(join(node.dir, 'pods', 'logs', `default_cri_${metadata?.uid}`, 'c', '0.log'), 'utf8')
  assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F one$/m)
  assert.match(text, /Z stderr F two$/m)
  assert.match(await node.logs('cri', 'c', { timestamps: true, tailLines: 1 }), /^\d{4}-\S+Z no end\n$/)
  await node.delete('cri')
})

test('the end of a log, its newest part and its first bytes can be asked for', async () => {
  await node.sh('parts', 'for i in $(seq 1 5000); do echo line $i; done')
  assert.equal(await node.logs('parts', 'c', { tailLines: 2 }), 'line 4999\nline 5000\n')
  assert.equal(await node.logs('parts', 'c', { tailLines: 0 }), '')
  assert.equal((await node.logs('parts', 'c', { tailLines: 9999 })).split('\n').length, 5001)
  assert.equal(await node.logs('parts', 'c', { limitBytes: 10 }), 'line 1\nlin')
  assert.equal((await node.logs('parts', 'c', { sinceSeconds: 3600 })).split('\n').length, 5001)
  await node.delete('parts')
})

test('a line of any length arrives whole', async () => {
  const out = await node.sh('long', 'head -c 100000 /dev/zero | tr "\\\\0" x; echo; echo after')
  assert.equal(out, `${'x'.repeat(100_000)}\nafter\n`)
  await node.delete('long')
})

test('following shows lines as they are printed, and ends with the container', async () => {
  await node.run(
    'follow',
    { command: ['sh', '-c', 'echo ready; while ! test -e /tmp/go; do sleep 0.02; done; echo gone'] },
    { restartPolicy: 'Never' },
  )
  await node.ready('follow')
  const stream = node.pods.logs('default', 'follow', 'c', { follow: true })
  let text = ''
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (text === 'ready\n') void node.exec('follow', ['touch', '/tmp/go'])
  })
  await new Promise((resolve) => stream.once('end', resolve))
  assert.equal(text, 'ready\ngone\n')
  await node.delete('follow')
})

test('a follower that goes away leaves nothing behind', async () => {
  await node.run('leave', { command: ['sh', '-c', 'while :; do echo x; sleep 0.01; done'] })
  await node.ready('leave')
  const stream = node.pods.logs('default', 'leave', 'c', { follow: true })
  await new Promise((resolve) => stream.once('data', resolve))
  stream.destroy()
  await new Promise((resolve) => stream.once('close', resolve))
  await node.delete('leave')
})

test('a log that grows past its size is put aside once, and a follower misses nothing', async () => {
  const lines = 120_000
  await node.run(
    'big',
    { command: ['sh', '-c', `while ! test -e /tmp/go; do sleep 0.02; done; seq -f "%0100g" 1 ${lines}`] },
    { restartPolicy: 'Never' },
  )
  await node.ready('big')
  const stream = node.pods.logs('default', 'big', 'c', { follow: true })
  let count = 0
  stream.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) count++
  })
  await node.exec('big', ['touch', '/tmp/go'])
  await new Promise((resolve) => stream.once('end', resolve))
  assert.equal(count, lines)
  const { metadata } = (await node.client.get('Pod', 'big', 'default')) ?? {}
  const path = join(node.dir, 'pods', 'logs', `default_big_${metadata?.uid}`, 'c', '0.log')
  assert.ok(readFileSync(`${path}.1`).length >= 10 * 1024 * 1024)
  await node.delete('big')
})

test('exec gives both streams and the exit code, takes input, and ends with its client', async () => {
  await node.run('exec', { command: ['sleep', '1000'], env: [{ name: 'A', value: 'b' }], workingDir: '/usr' })
  await node.ready('exec')
  assert.deepEqual(await node.exec('exec', ['sh', '-c', 'echo $A; pwd; echo err >&2; exit 7']), {
    code: 7,
    out: 'b\n/usr\n',
    err: 'err\n',
  })
  assert.equal((await node.exec('exec', ['sh', '-c', 'kill -9 $$'])).code, 137)
  await assert.rejects(
    node.exec('exec', ['no-such-program']),
    /exec "no-such-program": executable file not found in \$PATH/,
  )

  const cat = await node.pods.exec('default', 'exec', 'c', { command: ['cat'], stdin: true })
  let out = ''
  cat.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  cat.stderr?.resume()
  cat.stdin?.write('hello ')
  cat.stdin?.end('you')
  assert.equal(await cat.exit, 0)
  assert.equal(out, 'hello you')

  const sleeping = await node.pods.exec('default', 'exec', 'c', { command: ['sleep', '1000'] })
  sleeping.stdout.resume()
  sleeping.stderr?.resume()
  sleeping.kill()
  assert.equal(await sleeping.exit, 137)
  assert.doesNotMatch(
    (await node.exec('exec', ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).out,
    /sleep 1000 sleep 1000/,
  )
  await node.delete('exec')
})

test("exec with a terminal has one, of the size of the client's", async () => {
  await node.run('tty', { command: ['sleep', '1000'] })
  await node.ready('tty')
  const shell = await node.pods.exec('default', 'tty', 'c', { command: ['sh'], stdin: true, tty: true })
  let out = ''
  shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  shell.resize?.(123, 45)
  shell.stdin?.write('tty; stty size; echo $TERM; exit 5\n')
  assert.equal(await shell.exit, 5)
  assert.match(out, /\/dev\/pts\/0\r\n45 123\r\nxterm\r\n/)
  assert.equal(shell.stderr, undefined)
  const again = await node.pods.exec('default', 'tty', 'c', { command: ['sleep', '1000'], tty: true })
  again.stdout.resume()
  again.kill()
  assert.equal(await again.exit, 137)
  await node.delete('tty')
})

test('what is not there is said so', async () => {
  assert.throws(() => node.pods.logs('default', 'nobody', 'c'), { code: 'NotFound' })
  await node.run('unborn', { image: 'nginx' })
  await node.until('unborn', 'waiting', (pod) => pod?.status?.containerStatuses !== undefined)
  assert.throws(() => node.pods.logs('default', 'unborn', 'd'), { code: 'NotFound' })
  assert.throws(() => node.pods.logs('default', 'unborn', 'c'), {
    code: 'Invalid',
    message: /waiting to start: ErrImagePull/,
  })
  assert.throws(() => node.pods.logs('default', 'unborn', 'c', { previous: true }), {
    code: 'Invalid',
    message: /previous terminated container "c" in pod "unborn" not found/,
  })
  await assert.rejects(node.exec('unborn', ['true']), { code: 'Invalid' })
  await node.delete('unborn')
})

test('a container that could not be started has an empty log', async () => {
  await node.run(
    'unstarted',
    { command: ['true'], env: [{ name: 'X', value: 'a'.repeat(2_000_000) }] },
    { restartPolicy: 'Never' },
  )
  await node.until('unstarted', 'failed', (pod) => pod?.status?.phase === 'Failed')
  assert.equal(await node.logs('unstarted'), '')
  await node.delete('unstarted')
})

test('a pod may have a name as long as the API allows', async () => {
  const name = `long-${'a'.repeat(248)}`
  const containers = [{ name: 'c', image: 'host', command: ['echo', 'here'] }]
  await node.client.create('Pod', {
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'node1', restartPolicy: 'Never', containers },
  })
  assert.equal(await node.output(name), 'here\n')
  await node.delete(name)
})
