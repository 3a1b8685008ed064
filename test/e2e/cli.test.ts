// What a person meets on the command line: two labs at once, wrong wishes, broken manifests, a lab that was killed.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { freshState, type Result, run } from './harness.ts'

const main = resolve('src/cli/main.ts')
const state = freshState()
const kubehop = (...words: string[]): Promise<Result> => run(process.execPath, [main, ...words], state.env)
const stateFolder = state.env['KUBEHOP_STATE'] ?? ''
const manifest = (name: string, text: string): string => {
  const path = join(state.folder, name)
  writeFileSync(path, text)
  return path
}

before(async () => {
  const { code, err } = await kubehop('up', 'one', '--nodes', '1')
  assert.equal(code, 0, err)
})
after(async () => {
  const { code, out, err } = await kubehop('down', '--all')
  assert.equal(code, 0, err)
  assert.match(out, /is gone/)
  assert.ok(!existsSync(stateFolder), 'the state folder goes with the last lab')
  state.remove()
})

test('starting one that runs is a clear error, and disturbs it not', async () => {
  const { code, err } = await kubehop('up', 'one')
  assert.equal(code, 1)
  assert.match(err, /lab "one" is running already/)
  assert.equal((await kubehop('status', 'one')).code, 0)
})

test('status tells nodes, addresses and the kubeconfig, for people and for programs', async () => {
  const text = (await kubehop('status')).out
  assert.match(text, /node1\s+192\.168\.50\.11\s+100\.96\.1\.0\/24\s+Ready/)
  const json = JSON.parse((await kubehop('status', '--json')).out) as { kubeconfig: string; nodes: object[] }
  assert.equal(json.nodes.length, 1)
  assert.equal(json.kubeconfig, (await kubehop('kubeconfig')).out.trim())
  assert.match(readFileSync(json.kubeconfig, 'utf8'), /server: "https:\/\/127\.0\.0\.1:/)
})

test('two labs live side by side with the same addresses; a command has to say which', async () => {
  const second = await kubehop('up', 'two', '--nodes', '1')
  assert.equal(second.code, 0, second.err)
  const both = await kubehop('status')
  assert.equal(both.code, 0, both.err)
  assert.match(both.out, /^2 labs run\n\n {2}one {2}1 node \(1 Ready\) .*\n {2}two {2}1 node /)
  assert.equal((JSON.parse((await kubehop('status', '--json')).out) as object[]).length, 2)
  const unclear = await kubehop('kubeconfig')
  assert.equal(unclear.code, 1)
  assert.match(unclear.err, /2 labs run \(one, two\): say which with --lab NAME or KUBEHOP_LAB/)
  assert.equal((await run(process.execPath, [main, 'status'], { ...state.env, KUBEHOP_LAB: 'two' })).code, 0)
  assert.match((await kubehop('down')).err, /say which, or --all/)
  assert.equal((await kubehop('down', 'two')).code, 0)
  assert.ok(existsSync(join(stateFolder, 'one')) && !existsSync(join(stateFolder, 'two')))
})

test('wrong wishes are refused before anything is made', async () => {
  const rows: [string[], number, RegExp][] = [
    [['up', 'Big Lab'], 1, /is no name for a lab/],
    [['up', 'x', '--nodes', 'many'], 1, /--nodes must be a whole number/],
    [['up', 'x', '--pod-cidr', '10.0.0.0/16', '--service-cidr', '10.0.128.0/17'], 1, /overlaps/],
    [['up', 'x', '--colour', 'red'], 2, /--colour/],
    [['up', 'x', 'y'], 2, /one name at most/],
    [['up', 'x', '-f', 'nosuch.yaml'], 1, /nosuch\.yaml: cannot be read: no such file/],
    [['up', 'x', '--timeout', 'soon'], 2, /--timeout/],
    [['up', 'x', '--node', '2'], 2, /no option --node; did you mean --nodes/],
    [['up', 'x', '--nodes'], 2, /--nodes needs a value/],
    [['frobnicate'], 2, /no command "frobnicate"/],
    [['tarce'], 2, /no command "tarce"; did you mean trace\?/],
    [['help', 'frobnicate'], 2, /no command "frobnicate"/],
    [['down', 'nosuch'], 1, /there is no lab "nosuch"/],
    [['status', 'nosuch'], 1, /there is no lab "nosuch" \(there is: one\)/],
    [['apply'], 2, /-f FILE/],
    [['apply', 'shop.yaml'], 2, /files are named with -f FILE/],
    [['apply', '-f', 'https://k8s.io/x.yaml'], 1, /it is an address/],
  ]
  for (const [args, code, expected] of rows) {
    const result = await kubehop(...args)
    assert.equal(result.code, code, args.join(' '))
    assert.match(result.err, expected, args.join(' '))
  }
  assert.deepEqual(readdirSync(stateFolder), ['one'])
})

test('a port that is taken on this machine stops the start', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const { port } = server.address() as { port: number }
  const { code, err } = await kubehop('up', 'x', '--api-port', String(port))
  server.close()
  assert.equal(code, 1)
  assert.match(err, new RegExp(`port ${port} of 127\\.0\\.0\\.1 is taken`))
  assert.ok(!existsSync(join(stateFolder, 'x')))
})

test('a broken manifest names file, line and field, and changes nothing', async () => {
  const good = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: good }\n'
  const rows: [string, RegExp][] = [
    [`${good}---\napiVersion: v1\nkind: Sevice\nmetadata: { name: web }\n`, /bad\.yaml:6: .*Sevice/],
    [
      `${good}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec:\n  replica: 3\n`,
      /bad\.yaml:9: .*replica/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: Service\nmetadata: { name: Web_1 }\nspec: { ports: [{ port: 80 }] }\n`,
      /bad\.yaml:7: .*metadata\.name/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  clusterIP: 300.1.2.3\n  ports: [{ port: 80 }]\n`,
      /bad\.yaml:9: .*clusterIP/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  ports:\n    - port: 70000\n`,
      /bad\.yaml:10: .*port/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  clusterIP: 10.1.2.3\n  ports: [{ port: 80 }]\n`,
      /bad\.yaml:9: .*clusterIP/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  clusterIP: 100.64.0.10\n  ports: [{ port: 80 }]\n`,
      /bad\.yaml:9: .*taken by Service kube-system\/kube-dns/,
    ],
    [
      `${good}---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: x, namespace: nowhere }\n`,
      /bad\.yaml:7: .*no namespace nowhere/,
    ],
    ['a: [1, 2\nb: }', /bad\.yaml:\d+: /],
    ['just some words', /bad\.yaml:1: /],
  ]
  for (const [text, expected] of rows) {
    const { code, err } = await kubehop('apply', '-f', manifest('bad.yaml', text))
    assert.equal(code, 1, text)
    assert.match(err, expected, text)
    assert.match(err, /nothing was changed/)
  }
  const kubectl = process.env['KUBECTL'] ?? 'kubectl'
  const kubeconfig = (await kubehop('kubeconfig')).out.trim()
  const found = await run(kubectl, ['--kubeconfig', kubeconfig, 'get', 'configmap', 'good'], state.env)
  assert.match(found.err, /NotFound/)
})

test('apply makes, leaves alone and changes, as kubectl apply says it', async () => {
  const file = manifest(
    'map.yaml',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { colour: red }\n',
  )
  assert.match((await kubehop('apply', '-f', file)).out, /configmap\/settings created/)
  assert.match((await kubehop('apply', '-f', file)).out, /configmap\/settings unchanged/)
  manifest('map.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { colour: blue }\n')
  assert.match((await kubehop('apply', '-f', file)).out, /configmap\/settings configured/)
})

test('a lab whose process was killed is said to be dead, and can be started anew', async () => {
  assert.equal((await kubehop('up', 'fragile', '--nodes', '1')).code, 0)
  const record = JSON.parse(readFileSync(join(stateFolder, 'fragile', 'lab.json'), 'utf8')) as {
    outside: { pid: number }
    init: { pid: number }
  }
  process.kill(record.outside.pid, 'SIGKILL')
  const said = await kubehop('status', 'fragile')
  assert.equal(said.code, 1)
  assert.match(said.err, /is not running any more/)
  const again = await kubehop('up', 'fragile', '--nodes', '1')
  assert.equal(again.code, 0, again.err)
  assert.equal((await kubehop('down', 'fragile')).code, 0)
})

test('an interrupted start leaves nothing', async () => {
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [main, 'up', 'stopped'], {
    env: { ...process.env, ...state.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // The first progress line says that the lab's processes exist.
  await new Promise((line) => child.stderr.once('data', line))
  let said = ''
  child.stderr.on('data', (text) => (said += String(text)))
  child.kill('SIGINT')
  const code = await new Promise((exit) => child.once('close', exit))
  assert.equal(code, 130)
  assert.match(said, /kubehop up: interrupted \(SIGINT\): removing lab "stopped"\n$/)
  assert.ok(!existsSync(join(stateFolder, 'stopped')))
})

test('of two starts of one lab at once, one gets it and the other says so', async () => {
  const both = await Promise.all([kubehop('up', 'race', '--nodes', '1'), kubehop('up', 'race', '--nodes', '1')])
  assert.deepEqual(both.map(({ code }) => code).toSorted(), [0, 1])
  assert.match(both.find(({ code }) => code === 1)?.err ?? '', /"race" is (running already|being started)/)
  assert.equal((await kubehop('down', 'race')).code, 0)
})

test('a lab that is ended while it starts says so, and one that is started right behind it stays', async () => {
  const first = kubehop('up', 'hasty', '--nodes', '1')
  while (!existsSync(join(stateFolder, 'hasty', 'lab.json'))) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await kubehop('down', 'hasty')).code, 0)
  const second = await kubehop('up', 'hasty', '--nodes', '1')
  assert.equal(second.code, 0, second.err)
  const { code, err } = await first
  assert.equal(code, 1)
  assert.match(err, /lab "hasty" was ended by another command while it started/)
  assert.equal((await kubehop('status', 'hasty')).code, 0)
  assert.equal((await kubehop('down', 'hasty')).code, 0)
})

test('a lab that is ended while its pods are waited for says so at once', async () => {
  const probe = "readinessProbe: { exec: { command: ['false'] } }"
  const container = `{ name: c, image: host, command: [sleep, '1000'], ${probe} }`
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: { name: never }\nspec: { containers: [${container}] }\n`
  const { spawn } = await import('node:child_process')
  const args = ['up', 'waited-for', '--nodes', '1', '--timeout', '600', '-f', manifest('never.yaml', pod)]
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...state.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const over = new Promise((exit) => child.once('close', exit))
  let err = ''
  await new Promise<void>((waits) => {
    child.stderr.on('data', (text) => {
      err += String(text)
      if (/pods ready: 1 of/.test(err)) waits()
    })
  })
  assert.equal((await kubehop('down', 'waited-for')).code, 0)
  assert.equal(await over, 1, err)
  assert.match(err, /lab "waited-for" was ended by another command while it started/)
})

test('the only lab of a state folder can be started anew after it died', async () => {
  const alone = freshState()
  const up = () => run(process.execPath, [main, 'up', 'only', '--nodes', '1'], alone.env)
  assert.equal((await up()).code, 0)
  const folder = join(alone.folder, 'state', 'only')
  const { init } = JSON.parse(readFileSync(join(folder, 'lab.json'), 'utf8')) as { init: { pid: number } }
  process.kill(init.pid, 'SIGKILL')
  while (existsSync(`/proc/${init.pid}`)) await new Promise((resolve) => setTimeout(resolve, 5))
  const again = await up()
  assert.equal(again.code, 0, again.err)
  assert.equal((await run(process.execPath, [main, 'down', 'only'], alone.env)).code, 0)
  assert.ok(!existsSync(join(alone.folder, 'state')))
  alone.remove()
})

test('a state folder in which nothing can be made is refused, also where that is no matter of rights', async () => {
  for (const place of ['/proc/kubehop', '/proc/kubehop/labs', '/dev/null']) {
    const { code, err } = await run(process.execPath, [main, 'up'], { KUBEHOP_STATE: place })
    assert.equal(code, 1)
    assert.match(err, new RegExp(`cannot use ${place}: E[A-Z]+: .*set KUBEHOP_STATE`))
  }
})
