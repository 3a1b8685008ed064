// What kubectl streams to and from containers, in a lab: the whole way through the API server and a node's agent.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, said, skip, streamsLab } from './kubectl-lab.ts'

const { kubectl, begin, lab } = streamsLab('streams')

/** SPDY as clients before 1.31 speak it, and others until today. */
const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }

for (const [name, env] of Object.entries({ 'a WebSocket': {}, SPDY: spdy })) {
  test(`exec over ${name}: large data both ways, both outputs, the exit code`, { skip }, async () => {
    const sent = randomBytes(1_500_000).toString('base64')
    const script = 'cat; echo error >&2; exit 5'
    const { code, out, err } = await kubectl(['exec', '-i', 'web', '--', 'sh', '-c', script], sent, env)
    assert.equal(code, 5, err)
    assert.ok(out === sent, `${out.length} of ${sent.length}`)
    assert.match(err, /^error$/m)
    const missing = await kubectl(['exec', 'web', '--', 'no-such-program'], '', env)
    assert.match(missing.err, /executable file not found in \$PATH/)
    const left = await kubectl(['exec', 'web', '--', 'sh', '-c', 'sleep 60 & echo started'], '', env)
    assert.deepEqual([left.code, left.out], [0, 'started\n'], 'what a process leaves behind keeps nobody waiting')
  })

  test(`port-forward over ${name}: several ports, many connections, large data, a half-closed one`, {
    skip,
  }, async () => {
    const forward = begin(['port-forward', 'service/web', ':80'], env)
    const both = begin(['port-forward', 'pod/web', ':8080', ':9090'], env)
    try {
      const [, service] = await said(forward, /127\.0\.0\.1:(\d+) -> 8080/)
      const [, http] = await said(both, /127\.0\.0\.1:(\d+) -> 8080/)
      const [, count] = await said(both, /127\.0\.0\.1:(\d+) -> 9090/)
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, number) => post(number % 2 ? service : http, Buffer.from(`number ${number}`))),
      )
      assert.deepEqual(
        answers.map(String),
        answers.map((_, number) => `number ${number}`),
      )
      const large = randomBytes(8 << 20)
      assert.ok((await post(http, large)).equals(large))
      const socket = connect(Number(count), '127.0.0.1')
      socket.end(randomBytes(1_000_000))
      assert.equal(String(Buffer.concat(await socket.toArray())), '1000000 bytes')
    } finally {
      await Promise.all([ended(forward), ended(both)])
    }
  })
}

async function post(port: string | undefined, body: Buffer): Promise<Buffer> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: new Uint8Array(body) })
  return Buffer.from(await answer.arrayBuffer())
}

test('a port on which nothing listens: the error says what does', { skip }, async () => {
  const forward = begin(['port-forward', 'pod/web', ':9999'])
  const [, port] = await said(forward, /127\.0\.0\.1:(\d+) -> 9999/)
  await assert.rejects(post(port, Buffer.alloc(1)))
  await said(forward, /127\.0\.0\.1: ECONNREFUSED.*there listens: 8080, 9090/)
  await ended(forward)
})

test('kubectl run: -i with input, its exit code, and --rm', { skip }, async () => {
  const sum = ['run', 'sum', '-i', '--rm', '--quiet', '--restart=Never', '--image=host', '--command', '--']
  const { code, out } = await kubectl([...sum, 'sh', '-c', 'sha256sum; exit 3'], 'some input')
  assert.match(out, new RegExp(createHash('sha256').update('some input').digest('hex')))
  assert.equal(code, 3)
  const pods = await kubectl(['get', 'pods', '-o', 'name'])
  assert.doesNotMatch(pods.out, /sum/)
  const attached = await kubectl([
    'run',
    'hello',
    '--attach',
    '--rm',
    '--restart=Never',
    '--image=host',
    '--command',
    '--',
    'echo',
    'hi',
  ])
  assert.match(attached.out, /^hi$/m)
})

test('cp brings a folder in and out; without tar it says so', { skip }, async () => {
  const folder = join(lab().folder, 'data')
  mkdirSync(folder)
  const content = randomBytes(300_000)
  writeFileSync(join(folder, 'a file'), content)
  const put = await kubectl(['cp', folder, 'web:/tmp/data'])
  assert.equal(put.code, 0, put.err)
  const got = await kubectl(['cp', 'web:/tmp/data', join(lab().folder, 'back')])
  assert.equal(got.code, 0, got.err)
  assert.ok(readFileSync(join(lab().folder, 'back', 'a file')).equals(content))
  await lab().apply(`
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: host, command: [/bin/sleep, "1000"], env: [{name: PATH, value: /nowhere}]}]
`)
  assert.equal((await lab().kubectl('wait', '--for=condition=Ready', 'pod/bare', '--timeout=20s')).code, 0)
  assert.match(
    (await kubectl(['cp', 'bare:/etc/hostname', join(lab().folder, 'x')])).err,
    /exec "tar": executable file not found/,
  )
})
