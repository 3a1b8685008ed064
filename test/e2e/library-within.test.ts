// What is expected of a request becomes true while a test waits for it, and only where the test says so.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Lab, UnexpectedTrace } from 'kubehop'
import { freshState } from './harness.ts'

const state = freshState()
let lab: Lab
before(async () => {
  lab = await Lab.start({ nodes: 1, state: state.env['KUBEHOP_STATE'] ?? '' })
  await lab.apply(`
apiVersion: v1
kind: Service
metadata: { name: late }
spec:
  selector: { app: late }
  ports: [{ port: 80, targetPort: 8080 }]
`)
})
after(async () => {
  await lab?.down()
  state.remove()
})

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: late }
spec:
  selector: { matchLabels: { app: late } }
  template:
    metadata: { labels: { app: late } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: host
          command: [node, -e, "require('http').createServer((q, r) => r.end('late')).listen(8080)"]
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
`
const reachable = (withinMs?: number): Promise<unknown> =>
  lab.expectReachable('node/node1', 'svc/late', withinMs === undefined ? {} : { withinMs })

test('one trace decides where no time is given, and all of the time is used where it is', async () => {
  const begun = performance.now()
  await assert.rejects(reachable(), UnexpectedTrace)
  const once = performance.now() - begun
  await assert.rejects(reachable(once + 1000), UnexpectedTrace)
  assert.ok(performance.now() - begun >= 2 * once + 1000)
})

test('what becomes reachable within the time is reachable, and what ceases to be is not', async () => {
  // The first trace of it is on its way before the Deployment is.
  const expected = reachable(60_000)
  // However long it takes.
  await lab.apply(deployment, { timeoutMs: Infinity })
  await expected
  await lab.expectReachable('node/node1', 'svc/late', { withinMs: 10_000 })
  const kept = lab.expectUnreachable('node/node1', 'svc/late', { verdict: 'rejected', withinMs: 60_000 })
  await lab.apply(deployment.replace('spec:\n', 'spec:\n  replicas: 0\n'))
  await kept
})
