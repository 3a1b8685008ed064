import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Container, Pod, Probe } from '../../src/api/objects/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

/** Serves what stands in /tmp/status, 200 at first. */
const server: Partial<Container> = {
  command: [
    'node',
    '-e',
    `const fs = require('fs')
     require('http').createServer((q, s) => {
       s.statusCode = q.headers['x-want'] ?? (fs.existsSync('/tmp/status') ? Number(fs.readFileSync('/tmp/status', 'utf8')) : 200)
       s.end(q.url)
     }).listen(8080)`,
  ],
  ports: [{ name: 'http', containerPort: 8080 }],
}
const quick: Partial<Probe> = { periodSeconds: 1, failureThreshold: 1 }
const status = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]

// Much of their time they wait for a period to pass, which is a second at the least.
suite('probes', { concurrency: 4 }, () => {
  test('a pod is ready as soon as its program answers, long before the first period is over', async () => {
    const started = performance.now()
    await node.run('prompt', { ...server, readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 60 } })
    const pod = await node.until('prompt', 'running', (one) => status(one)?.state?.running !== undefined)
    assert.equal(status(pod)?.ready, false)
    assert.equal(condition(pod, 'ContainersReady'), 'False')
    await node.ready('prompt')
    assert.ok(performance.now() - started < 15_000)
    assert.deepEqual(
      (await node.events('prompt')).filter((event) => event.includes('Unhealthy')),
      [],
      'the first looks count for nothing',
    )
    await node.delete('prompt')
  })

  test('a pod that answers no more is not ready, and ready again when it does', async () => {
    await node.run('sick', { ...server, readinessProbe: { httpGet: { port: 8080 }, ...quick } })
    await node.ready('sick')
    await node.exec('sick', ['sh', '-c', 'echo 503 > /tmp/status'])
    const pod = await node.until('sick', 'unready', (one) => condition(one, 'Ready') === 'False')
    assert.equal(
      pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.message,
      'containers with unready status: [c]',
    )
    assert.equal(status(pod)?.restartCount, 0)
    assert.ok(
      (await node.events('sick')).includes(
        'Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503',
      ),
    )
    await node.exec('sick', ['rm', '/tmp/status'])
    await node.ready('sick')
    await node.delete('sick')
  })

  test('a failing liveness probe ends the container, which is started again', async () => {
    await node.run('hung', {
      ...server,
      // Until it listens, however long that takes, the other has to wait.
      startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 },
      livenessProbe: { httpGet: { port: 8080 }, ...quick },
    })
    await node.ready('hung')
    await node.exec('hung', ['sh', '-c', 'echo 500 > /tmp/status'])
    await node.until(
      'hung',
      'started again',
      (pod) => (status(pod)?.restartCount ?? 0) > 0 && status(pod)?.ready === true,
    )
    const events = await node.events('hung')
    assert.ok(events.includes('Warning Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500'))
    assert.ok(events.includes('Normal Killing: Container c failed liveness probe, will be restarted'))
    await node.delete('hung')
  })

  test('other probes wait for the startup probe', async () => {
    await node.run('slow', {
      command: ['sh', '-c', 'until test -e /tmp/go; do sleep 0.05; done; touch /tmp/up; sleep 1000'],
      startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, ...quick, failureThreshold: 30 },
      livenessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, ...quick },
    })
    const before = await node.until('slow', 'running', (pod) => status(pod)?.state?.running !== undefined)
    assert.equal(status(before)?.started, false)
    await node.exec('slow', ['touch', '/tmp/go'])
    const pod = await node.ready('slow')
    assert.equal(status(pod)?.started, true)
    assert.equal(status(pod)?.restartCount, 0)
    await node.delete('slow')
  })

  test('a startup probe that never succeeds ends the container', async () => {
    await node.run('never', {
      command: ['sleep', '1000'],
      startupProbe: { tcpSocket: { port: 9 }, periodSeconds: 1, failureThreshold: 2 },
    })
    await node.until('never', 'ended', (one) => (status(one)?.restartCount ?? 0) > 0)
    const events = await node.events('never')
    assert.ok(
      events.some((event) =>
        /^Warning Unhealthy: Startup probe failed: dial tcp 100\.96\.1\.\d+:9: connect: connection refused$/.test(
          event,
        ),
      ),
      events.join('\n'),
    )
    await node.delete('never')
  })

  test('a tcp probe needs a listener', async () => {
    await node.run('tcp', { ...server, readinessProbe: { tcpSocket: { port: 'http' } } })
    await node.ready('tcp')
    await node.delete('tcp')
  })

  test('an exec probe needs a zero', async () => {
    await node.run('exec', {
      command: ['sleep', '1000'],
      readinessProbe: { exec: { command: ['sh', '-c', 'test -e /tmp/go || { echo no go; exit 1; }'] }, ...quick },
    })
    await node.event('exec', (event) => event === 'Warning Unhealthy: Readiness probe failed: no go')
    await node.exec('exec', ['touch', '/tmp/go'])
    await node.ready('exec')
    await node.delete('exec')
  })

  test('a probe that takes too long fails', async () => {
    await node.run('late', {
      command: ['sleep', '1000'],
      livenessProbe: { exec: { command: ['sleep', '100'] }, ...quick },
    })
    await node.until('late', 'ended', (one) => (status(one)?.restartCount ?? 0) > 0)
    assert.ok(
      (await node.events('late')).some((event) =>
        event.startsWith('Warning Unhealthy: Liveness probe failed: command timed out'),
      ),
    )
    await node.delete('late')
  })

  test("headers and paths of a probe are the manifest's", async () => {
    await node.run('headers', {
      ...server,
      readinessProbe: {
        httpGet: { path: '/x?y=1', port: 8080, httpHeaders: [{ name: 'X-Want', value: '404' }] },
        ...quick,
      },
    })
    await node.event('headers', (event) => event.endsWith('HTTP probe failed with statuscode: 404'))
    await node.delete('headers')
  })

  test('hooks run after the start and before the end', async () => {
    await node.run(
      'hooks',
      {
        command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo after >> /v/log'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo before >> /v/log; cat /v/log > /dev/termination-log'] } },
        },
      },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    )
    await node.ready('hooks')
    while ((await node.exec('hooks', ['cat', '/v/log'])).out !== 'after\n')
      await new Promise((resolve) => setTimeout(resolve, 5))
    const ended = node.until('hooks', 'ended', (pod) => status(pod)?.state?.terminated !== undefined)
    await node.client.delete('Pod', 'hooks', 'default', { gracePeriodSeconds: 20 })
    assert.equal(status(await ended)?.state?.terminated?.message, 'after\nbefore\n')
    await node.until('hooks', 'gone', (pod) => pod === undefined)
  })
})
