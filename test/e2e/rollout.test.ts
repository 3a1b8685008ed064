// What rolling updates promise: nobody who asks a service notices one.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab

/** Takes its time with each answer, and when it is asked to end it answers what it has taken. */
const server = `const s = require('node:http').createServer((q, r) => setTimeout(() => r.end(process.env.HOSTNAME), 20)).listen(8080)
process.on('SIGTERM', () => s.close())`

/** Asks on two lanes without a pause, a new connection each time, until it may stop; then tells who answered how often and what failed. */
const client = `const { existsSync } = require('node:fs')
const { get } = require('node:http')
const answers = {}
const failures = []
const ask = () => new Promise((done) => {
  const failed = (error) => { failures.push(new Date().toISOString() + ' ' + (error.code ?? error.message)); done() }
  get('http://web/', { agent: false, timeout: 5000 }, (r) => {
    let name = ''
    r.on('data', (c) => (name += c)).on('error', failed).on('end', () => { answers[name] = (answers[name] ?? 0) + 1; done() })
  }).on('error', failed).on('timeout', () => failed(new Error('timeout')))
})
const lane = async () => { while (!existsSync('/tmp/stop')) await ask() }
Promise.all([lane(), lane()]).then(() => console.log(JSON.stringify({ answers, failures })))`

const indented = (text: string): string => text.replaceAll('\n', '\n          ')

before(async () => {
  lab = await startTestLab('rollout', '--nodes', '2')
  await lab.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 20
      containers:
      - name: web
        image: host
        command: [node, -e]
        args:
        - |
          ${indented(server)}
        readinessProbe: { httpGet: { port: 8080 } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
`)
  const status = await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
  assert.equal(status.code, 0, status.err)
  await lab.apply(
    ['node1', 'node2']
      .map(
        (node) => `
apiVersion: v1
kind: Pod
metadata: { name: client-${node} }
spec:
  nodeName: ${node}
  restartPolicy: Never
  containers:
    - name: client
      image: host
      command: [node, -e]
      args:
        - |
          ${indented(client)}
`,
      )
      .join('---'),
  )
})
after(() => lab?.down())

const ofWeb = async (): Promise<Pod[]> => (await lab.json<{ items: Pod[] }>('get', 'pods', '-l', 'app=web')).items
const names = (pods: Pod[]): string[] => pods.map(({ metadata }) => metadata.name)

test('rollout restart behind a service: of all requests on all nodes none is lost', async (t) => {
  const clients = ['client-node1', 'client-node2']
  const ready = await lab.kubectl(
    'wait',
    '--for=condition=Ready',
    ...clients.map((one) => `pod/${one}`),
    '--timeout=30s',
  )
  assert.equal(ready.code, 0, ready.err)
  const before = names(await ofWeb())
  for (let round = 0; round < 2; round++) {
    const old = names(await ofWeb())
    assert.equal((await lab.kubectl('rollout', 'restart', 'deployment/web')).code, 0)
    const status = await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
    assert.equal(status.code, 0, status.err)
    await lab.until('the old pods have gone', ofWeb, (pods) => !names(pods).some((name) => old.includes(name)))
  }
  const now = names(await ofWeb())
  for (const one of clients) {
    assert.equal((await lab.kubectl('exec', one, '--', 'touch', '/tmp/stop')).code, 0)
    await lab.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${one}`, '--timeout=30s')
    const { out } = await lab.kubectl('logs', one)
    const { answers, failures } = JSON.parse(out) as { answers: Record<string, number>; failures: string[] }
    assert.deepEqual(failures, [])
    t.diagnostic(`${Object.values(answers).reduce((sum, count) => sum + count, 0)} requests of ${one}`)
    const asked = Object.keys(answers)
    // Who was there before, in between, and who is there now: all of them were asked.
    for (const name of [...before, ...now]) assert.ok(asked.includes(name), `${name} was never asked by ${one}: ${out}`)
    assert.equal(asked.length, 9, out)
  }
})
