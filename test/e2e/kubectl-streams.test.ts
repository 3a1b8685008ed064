// What kubectl streams to and from containers, in a lab: the whole way through the API server and a node's agent.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { type EventEmitter, once } from 'node:events'
import { closeSync, constants, mkdirSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { openTerminal } from '../../src/kernel/terminal.ts'
import { terminalInput, TerminalOutput } from '../../src/pod/container/terminal-stream.ts'
import { run, startTestLab, type Result, type TestLab } from './harness.ts'
import { findKubectl } from './kubectl.ts'

const found = findKubectl()
const skip = 'skip' in found ? found.skip : false
let lab: TestLab
let kubeconfig = ''

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: host
    command:
    - node
    - -e
    - |
      // 8080 sends back what it is sent, on the pod's loopback only; 9090 counts until its client says that there is no more.
      require('http').createServer((q, r) => q.pipe(r)).listen(8080, '127.0.0.1')
      require('net').createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('data', (d) => (n += d.length)).on('end', () => s.end(n + ' bytes')) }).listen(9090)
---
apiVersion: v1
kind: Pod
metadata: {name: cat}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: host, stdin: true, command: [cat]}]
`

before(async () => {
  if ('skip' in found) return
  lab = await startTestLab('streams', '--nodes', '1')
  kubeconfig = (await lab.kubehop('kubeconfig', lab.name)).out.trim()
  await lab.apply(manifest)
  const { code, err } = await lab.kubectl('wait', '--for=condition=Ready', 'pod/web', 'pod/cat', '--timeout=30s')
  assert.equal(code, 0, err)
})
after(() => lab?.down())

const kubectl = (args: string[], input = '', env: Record<string, string> = {}): Promise<Result> =>
  run(
    process.env['KUBECTL'] ?? 'kubectl',
    ['--kubeconfig', kubeconfig, '--cache-dir', join(lab.folder, 'cache'), ...args],
    env,
    input,
  )

/** kubectl that goes on, until the test ends it. */
function begin(args: string[], env: Record<string, string> = {}): ChildProcess & { said: string } {
  const child = spawn(process.env['KUBECTL'] ?? 'kubectl', ['--kubeconfig', kubeconfig, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const told = Object.assign(child, { said: '' })
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (told.said += chunk.toString()))
  return told
}

async function said(child: ChildProcess & { said: string }, what: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const match = what.exec(child.said)
    if (match) return match
    assert.equal(child.exitCode, null, child.said)
    // Whatever comes first; nobody listens for the others any more.
    const one = new AbortController()
    const next = (from: EventEmitter | null, event: string): Promise<unknown> =>
      once(from ?? child, event, { signal: one.signal })
    await Promise.race([next(child.stdout, 'data'), next(child.stderr, 'data'), next(child, 'exit')])
    one.abort()
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

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

test('attach sends input to a container and shows its output; the log goes on', { skip }, async () => {
  const watch = begin(['attach', 'cat'])
  // kubectl says so before it is attached: the first line that both see is the sign.
  const client = begin(['attach', '-i', 'cat'])
  client.stdin?.write('hello\n')
  await said(client, /^hello$/m)
  const quick = await kubectl(['attach', '-i', 'cat', '--quiet'], 'once more\n')
  assert.deepEqual([quick.code, quick.out], [0, 'once more\n'])
  await said(client, /^once more$/m)
  await said(watch, /^once more$/m)
  await Promise.all([ended(watch), ended(client)])
  assert.equal((await kubectl(['logs', 'cat'])).out, 'hello\nonce more\n')
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
  const folder = join(lab.folder, 'data')
  mkdirSync(folder)
  const content = randomBytes(300_000)
  writeFileSync(join(folder, 'a file'), content)
  const put = await kubectl(['cp', folder, 'web:/tmp/data'])
  assert.equal(put.code, 0, put.err)
  const got = await kubectl(['cp', 'web:/tmp/data', join(lab.folder, 'back')])
  assert.equal(got.code, 0, got.err)
  assert.ok(readFileSync(join(lab.folder, 'back', 'a file')).equals(content))
  await lab.apply(`
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: host, command: [/bin/sleep, "1000"], env: [{name: PATH, value: /nowhere}]}]
`)
  assert.equal((await lab.kubectl('wait', '--for=condition=Ready', 'pod/bare', '--timeout=20s')).code, 0)
  assert.match(
    (await kubectl(['cp', 'bare:/etc/hostname', join(lab.folder, 'x')])).err,
    /exec "tar": executable file not found/,
  )
})

test('kubectl debug: a container more, beside a running one, that sees its processes', { skip }, async () => {
  const args = ['debug', 'cat', '-i', '--quiet', '--image=host', '--target=c', '--profile=general', '-c', 'debugger']
  const { code, out, err } = await kubectl([...args, '--', 'sh'], 'tr "\\0" " " < /proc/1/cmdline; exit\n')
  assert.equal(code, 0, err)
  assert.match(out, /^cat /)
  const { status } = await lab.json<Pod>('get', 'pod', 'cat')
  assert.equal(status?.ephemeralContainerStatuses?.[0]?.name, 'debugger')
  const again = await kubectl(['debug', 'cat', '--image=host', '--target=nobody', '--profile=general', '--', 'true'])
  assert.match(again.err, /targetContainerName: Not found: "nobody"/)
  const node = await kubectl([
    'debug',
    'node/node1',
    '-i',
    '--quiet',
    '--image=host',
    '--profile=general',
    '--',
    'sh',
    '-c',
    'ls /host; cat /proc/net/dev',
  ])
  assert.match(node.out, /^etc$[^]*cbr0:/m)
})

test('exec -it: a terminal as wide as the own one, and its keys', { skip }, async () => {
  const terminal = openTerminal(realpathSync('/dev/ptmx'))
  terminal.resize(123, 45)
  const slave = openSync(`/dev/pts/${terminal.number}`, constants.O_RDWR | constants.O_NOCTTY)
  const child = spawn(
    process.env['KUBECTL'] ?? 'kubectl',
    ['--kubeconfig', kubeconfig, 'exec', '-it', 'web', '--', 'sh'],
    {
      stdio: [slave, slave, slave],
    },
  )
  closeSync(slave)
  const shown = new TerminalOutput(terminal)
  const keys = terminalInput(terminal)
  const exited = once(child, 'exit')
  // What is typed once something was shown. The size comes a moment after the shell; Ctrl-C ends what runs in it, not the shell.
  // What runs says so itself: a shell that has not quite started it yet would swallow the key.
  const dialogue: [shown: RegExp, typed: string][] = [
    [
      /[#$] $/,
      'while test "$(stty size)" != "45 123"; do sleep 0.05; done; sh -c "echo sized-$((1+1)); exec sleep 1000"\r',
    ],
    [/sized-2\r\n/, '\x03'],
    [/sized-2\r\n[^]*[#$] $/, 'exit 7\r'],
  ]
  let text = ''
  shown.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (dialogue[0]?.[0].test(text)) keys.write(dialogue.shift()?.[1] ?? '')
  })
  assert.deepEqual(await exited, [7, null], text)
  shown.destroy()
})

test('a client that vanishes takes its process along, and leaves the container alone', { skip }, async () => {
  const search = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -Eo "[s]leep 4711|[y]es vanish"'
  const running = async (): Promise<string> => (await kubectl(['exec', 'web', '--', 'sh', '-c', search])).out
  const idle = begin(['exec', '-i', 'web', '--', 'sh', '-c', 'echo up; exec sleep 4711'])
  const busy = begin(['exec', 'web', '--', 'sh', '-c', 'echo up; exec yes vanish'])
  await Promise.all([said(idle, /^up$/m), said(busy, /^up$/m)])
  const watching = begin(['attach', 'cat'])
  const following = begin(['logs', '-f', 'cat'])
  await said(following, /hello/)
  assert.deepEqual((await running()).trim().split('\n').toSorted(), ['sleep 4711', 'yes vanish'])
  await Promise.all([idle, busy, watching, following].map(ended))
  await lab.until('processes gone', running, (out) => out === '')
  const { status } = await lab.json<Pod>('get', 'pod', 'cat')
  assert.equal(status?.containerStatuses?.[0]?.restartCount, 0)
})

test('logs: by time, with prefixes of all containers, and of the instance before', { skip }, async () => {
  const all = await kubectl(['logs', 'cat', '--all-containers', '--prefix', '--timestamps'])
  assert.match(all.out, /^\[pod\/cat\/c\] \d{4}-\S+Z hello$/m)
  assert.match(all.out, /^\[pod\/cat\/debugger\] /m)
  assert.equal(
    (await kubectl(['logs', 'cat', '-c', 'c', '--since-time=2000-01-01T00:00:00Z', '--tail=1'])).out,
    'once more\n',
  )
  assert.equal((await kubectl(['logs', 'cat', '-c', 'c', '--since-time=2100-01-01T00:00:00Z'])).out, '')
  assert.equal((await kubectl(['logs', 'cat', '-c', 'c', '--limit-bytes=3'])).out, 'hel')
  const script = 'if test -e /v/x; then echo second; exec sleep 1000; fi; echo first; touch /v/x'
  await lab.apply(`
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: v, emptyDir: {}}]
  initContainers: [{name: i, image: host, command: [echo, init]}]
  containers: [{name: c, image: host, command: [sh, -c, "${script}"], volumeMounts: [{name: v, mountPath: /v}]}]
`)
  await lab.until(
    'a restart',
    () => kubectl(['logs', 'twice', '-c', 'c']),
    ({ out }) => out === 'second\n',
  )
  assert.equal((await kubectl(['logs', 'twice', '-c', 'c', '-p'])).out, 'first\n')
  assert.equal((await kubectl(['logs', 'twice', '-c', 'i'])).out, 'init\n')
})

test('a log that is followed goes on when the agent is killed and another one comes', { skip }, async () => {
  const script = 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done'
  await lab.kubectl('run', 'count', '--image=host', '--command', '--', 'sh', '-c', script)
  await lab.until(
    'lines',
    () => kubectl(['logs', 'count']),
    ({ out }) => out.includes('line 3'),
  )
  const follower = begin(['logs', '-f', 'count', '--tail=2'])
  await said(follower, /line \d+\n/)
  const old = lab.pidOf('kubehop node node1')
  assert.ok(old)
  process.kill(old, 'SIGKILL')
  const seen = Number(/line (\d+)\n$/.exec(follower.said)?.[1])
  await said(follower, new RegExp(`line ${seen + 100}\n`))
  await ended(follower)
  const numbers = follower.said
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => Number(line.slice('line '.length)))
  assert.deepEqual(
    numbers,
    numbers.map((_, at) => (numbers[0] ?? 0) + at),
    'each line once',
  )
})
