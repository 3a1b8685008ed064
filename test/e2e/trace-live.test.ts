// kubehop trace --live and --pcap in a whole lab, from outside: what is watched, how it ends, and what is left when somebody is killed.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { LiveTrace } from '../../src/trace/live/types.ts'
import { readPcapng } from '../../src/trace/testing/pcapng.ts'
import type { Trace } from '../../src/trace/types.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('live', '-f', 'examples/shop')
})
after(async () => lab?.down())

/** A watch that runs; `head` is its first line, said when everything stands. */
async function watch(
  ...args: string[]
): Promise<{ child: ChildProcess; rest: Promise<string>; code: Promise<number | null> }> {
  const child = spawn(process.execPath, [resolve('src/cli/main.ts'), 'trace', ...args], {
    env: { ...process.env, ...lab.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const all: string[] = []
  lines.on('line', (line) => all.push(line))
  const code = once(child, 'close').then(([exit]) => exit as number | null)
  await Promise.race([once(lines, 'line'), code])
  return { child, code, rest: code.then(() => all.join('\n')) }
}

const request = async (): Promise<Trace> =>
  JSON.parse((await lab.kubehop('trace', 'client', 'http://web/', '-o', 'json')).out) as Trace

test('what an application sends is told line by line, and Ctrl-C ends the watch with its account', async () => {
  const { child, rest, code } = await watch('deploy/web', 'api', '--live=60')
  await request()
  child.kill('SIGINT')
  assert.equal(await code, 0)
  const text = await rest
  assert.match(
    text,
    /^web-\S+ -> api {4}watching connections from default\/web-\S+ \(100\.96\.\d\.\d+\) to [\d.]+:80 for 60 s; nothing is sent\neach is told when it is answered, or given up: its number and time say when it began\n/,
  )
  assert.match(
    text,
    /\n +\d+ {2}\d\d:\d\d:\d\d\.\d{6} {2}100\.96\.\S+ -> \S+:80 -> 100\.96\.\S+:8080 \(api-\S+\) {2}delivered {2}[\d.]+ ms\n/,
  )
  assert.match(text, /\n\d+ connections? followed in [\d.]+ m?s; \d+ delivered; answered within/)
})

test('as JSON it is one document, and the packets are in a file that only its owner reads', async () => {
  const path = join(lab.folder, 'live.pcapng')
  writeFileSync(path, 'older', { mode: 0o644 })
  const running = lab.kubehop('trace', 'deploy/web', 'api', '--live', '2', '-o', 'json', '--pcap', path)
  await lab.until(
    'a connection is seen',
    async () => {
      await request()
      return Promise.race([running, Promise.resolve(undefined)])
    },
    (ended) => ended !== undefined,
  )
  const { out, code } = await running
  assert.equal(code, 0, out)
  const { live } = JSON.parse(out) as LiveTrace
  assert.ok(live.begun > 0 && live.followed === live.begun && live.flows.length === live.followed, out)
  assert.ok(live.flows[0]?.story?.agrees, JSON.stringify(live.flows[0], null, 1))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const file = readPcapng(readFileSync(path))
  assert.ok(file.packets.some(({ bytes }) => Buffer.from(bytes).includes('GET /')))
  assert.ok(file.packets.some(({ comments }) => comments.length > 0))
  assert.deepEqual(
    readdirSync(lab.folder).filter((name) => name.includes('.part')),
    [],
  )
})

test('nothing is seen where nothing begins, and that is said', async () => {
  const { out, code } = await lab.kubehop('trace', 'client', 'svc/api', '--live', '0.5')
  assert.equal(code, 1)
  assert.match(out, /nothing began in 0\.5 s/)
})

/** The sockets that an agent, or the supervisor, has open: their numbers. */
function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')
    } catch {
      return false // closed meanwhile
    }
  }).length
}

/** Packet sockets in the network namespace of a process. */
const packetSockets = (pid: number): number =>
  readFileSync(`/proc/${pid}/net/packet`, 'utf8').trim().split('\n').length - 1

function pid(title: string): number {
  const found = lab.pidOf(title)
  assert.ok(found, `no process ${title}`)
  return found
}

/** The node that the watched pod is on. */
async function homeOfWeb(): Promise<string> {
  const { items } = await lab.json<{ items: { spec: { nodeName: string } }[] }>('get', 'pods', '-l', 'app=web')
  return items[0]?.spec.nodeName ?? assert.fail('no pod of web')
}

test('kill -9 of the program leaves no socket on any node', async () => {
  const node = pid(`kubehop node ${await homeOfWeb()}`)
  // A trace makes what stays: connections between the supervisor and the agents.
  await request()
  const { child, code } = await watch('deploy/web', 'api', '--live=60')
  assert.ok(packetSockets(node) > 0)
  child.kill('SIGKILL')
  await code
  await lab.until(
    'packet sockets go',
    async () => packetSockets(node),
    (count) => count === 0,
  )
  await lab.until(
    'the other ends too',
    async () => socketsOf(node),
    (count) => count < 200,
  )
})

test('kill -9 of an agent ends its watching at once, pods go on, and others’ traces too', async () => {
  const pods = async (): Promise<string> =>
    (await lab.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}')).out
  const before = await pods()
  const home = await homeOfWeb()
  const { rest, code } = await watch('deploy/web', 'api', '--live=10')
  process.kill(pid(`kubehop node ${home}`), 'SIGKILL')
  assert.notEqual(await code, null)
  assert.match(await rest, new RegExp(`${home} could not be watched`))
  // The new agent begins with nothing of the old one.
  const story = await lab.until('the node is back', request, ({ verdict, agrees }) => verdict === 'delivered' && agrees)
  assert.equal(story.status, '200 OK')
  assert.equal(packetSockets(pid(`kubehop node ${home}`)), 0)
  assert.equal(await pods(), before)
})
