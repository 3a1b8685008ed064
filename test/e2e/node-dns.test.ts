// Every node with a name server of its own: whatever of DNS is killed, names go on being answered.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('node-dns', '--nodes', '1', '--node-dns', '-f', 'examples/shop')
})
after(async () => lab?.down())

const resolver = 'kubehop dns node1'

/** What a program of the C library gets for `web`, and how soon; and what the node's own name server says itself. */
const lookUp = `
const { Resolver } = require('node:dns').promises
const own = new Resolver({ tries: 1 })
own.setServers(['169.254.20.10'])
const asked = own.resolve4('web.default.svc.cluster.local').then((found) => found[0], (error) => error.code)
const begun = performance.now()
require('node:dns').lookup('web', (error, address) => {
  const ms = performance.now() - begun
  asked.then((own) => console.log(JSON.stringify({ own, address: error ? error.code : address, ms })))
})`

interface Answer {
  own: string
  address: string
  ms: number
}

async function look(): Promise<Answer> {
  const { code, out, err } = await lab.kubectl('exec', 'client', '--', 'node', '-e', lookUp)
  assert.equal(code, 0, err)
  return JSON.parse(out) as Answer
}

async function addressOfWeb(): Promise<string> {
  return (await lab.json<{ spec: { clusterIP: string } }>('get', 'service', 'web')).spec.clusterIP
}

/** A server that is waited for in vain costs five seconds (resolv.conf(5)). */
const atOnce = 2000

test('pods ask their node, and the service when nobody is there', async () => {
  const { out } = await lab.kubectl('exec', 'client', '--', 'cat', '/etc/resolv.conf')
  assert.deepEqual(
    out.split('\n').filter((line) => line.startsWith('nameserver')),
    ['nameserver 169.254.20.10', 'nameserver 100.64.0.10'],
  )
  const web = await addressOfWeb()
  const { own, address } = await look()
  assert.deepEqual({ own, address }, { own: web, address: web })
})

test('status tells of it, for people and for programs', async () => {
  assert.match((await lab.kubehop('status')).out, /node DNS {4}169\.254\.20\.10, on every node/)
  assert.equal(JSON.parse((await lab.kubehop('status', '--json')).out).nodeDns, '169.254.20.10')
})

test('a trace shows the question at the node itself, and no service on its way', async () => {
  const { out } = await lab.kubehop('trace', 'client', 'dns://web', '-o', 'json')
  const trace = JSON.parse(out) as Trace
  assert.deepEqual([trace.verdict, trace.agrees, trace.why], ['delivered', true, []])
  assert.deepEqual(
    trace.hops.map(({ place, component }) => `${place} ${component}`),
    ['client pod', 'node1 veth', 'node1 bridge'],
  )
  assert.match(trace.hops[0]?.say ?? '', /^sent to 169\.254\.20\.10:53, the name server of node1 itself$/)
  assert.deepEqual(
    trace.dns.map(({ type, server, by }) => [type, server, by]),
    ['A', 'AAAA'].map((type) => [type, '169.254.20.10', 'node1’s own']),
  )
})

test('names go on while the agent is away', async () => {
  await lab.apply(asker)
  await lab.until('the asker asks', logLines, (lines) => lines.length > 3)
  const [agent, own] = [lab.pidOf('kubehop node node1'), lab.pidOf(resolver)]
  assert.ok(agent && own)
  const killed = Date.now()
  process.kill(agent, 'SIGKILL')
  await lab.until(
    'another agent',
    async () => lab.pidOf('kubehop node node1'),
    (pid) => pid !== undefined && pid !== agent,
  )
  const back = Date.now()
  await lab.until('what the asker said afterwards', logLines, (lines) => Number(lines.at(-1)?.split(' ')[0]) > back)
  const meanwhile = (await logLines()).filter((line) => Number(line.split(' ')[0]) > killed)
  assert.ok(
    meanwhile.some((line) => Number(line.split(' ')[0]) < back),
    meanwhile.join('\n'),
  )
  const web = await addressOfWeb()
  for (const line of meanwhile) assert.match(line, new RegExp(` ${web} [01]$`))
  assert.equal(lab.pidOf(resolver), own)
})

test('while the node’s name server is away the service is asked at once, and another one comes', async () => {
  const web = await addressOfWeb()
  // Each time that it ends early it is started again a little later: at some time a look-up falls into the gap.
  const away = await lab.until(
    'a look-up without it',
    async () => {
      const pid = lab.pidOf(resolver)
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      return look()
    },
    ({ own }) => own === 'ECONNREFUSED',
  )
  assert.equal(away.address, web)
  assert.ok(away.ms < atOnce, `${away.ms} ms`)
  const traced = await lab.until(
    'a trace without it',
    async () => {
      const pid = lab.pidOf(resolver)
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      const { out } = await lab.kubehop('trace', 'client', 'dns://web', '-o', 'json')
      return JSON.parse(out) as Trace
    },
    ({ verdict }) => verdict === 'refused',
  )
  assert.deepEqual([traced.agrees, traced.why.map(({ code }) => code)], [true, ['NodeDnsAway', 'SaidNo']])
  const again = await lab.until('another one', look, ({ own }) => own === web)
  assert.equal(again.address, web)
})

test('without the cluster’s DNS pods nothing is missing', async () => {
  await lab.kubectl('-n', 'kube-system', 'scale', 'deployment', 'cluster-dns', '--replicas=0')
  await lab.until(
    'no DNS pod',
    async () => (await lab.json<{ items: object[] }>('-n', 'kube-system', 'get', 'pods')).items.length,
    (count) => count === 0,
  )
  const web = await addressOfWeb()
  const { own, address, ms } = await look()
  assert.deepEqual({ own, address }, { own: web, address: web })
  assert.ok(ms < atOnce, `${ms} ms`)
})

/** Asks ten times a second, and says when, what it got, and after how many whole seconds. */
const asker = `
apiVersion: v1
kind: Pod
metadata: { name: asker }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: asker
      image: host
      command:
        - node
        - -e
        - |
          const ask = () => {
            const begun = Date.now()
            require('node:dns').lookup('web', (error, address) => {
              console.log(begun, error ? error.code : address, Math.floor((Date.now() - begun) / 1000))
              setTimeout(ask, 100)
            })
          }
          ask()
`

async function logLines(): Promise<string[]> {
  const { out } = await lab.kubectl('logs', 'asker')
  return out.split('\n').filter((line) => line !== '')
}
