import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { newAuthority } from '../../src/api/certificates/authority.ts'
import { makeServerCertificate } from '../../src/api/certificates/certificates.ts'
import type { Container, Pod, Probe } from '../../src/api/objects/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const quick: Partial<Probe> = { periodSeconds: 1, failureThreshold: 1 }
const status = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]

/** Until an event of the pod begins and ends so. */
const event = (pod: string, beginning: string, end = ''): Promise<string> =>
  node.event(pod, (one) => one.startsWith(beginning) && one.endsWith(end))

// Much of their time they wait for a period to pass, which is a second at the least.
suite('kinds of probes', { concurrency: 4 }, () => {
  test('an https probe does not ask whose certificate it is', async () => {
    const { cert, key } = makeServerCertificate(newAuthority(), { name: 'nobody' }, ['nobody.example'])
    const script = `require('https').createServer({ cert: process.env.CERT, key: process.env.KEY },
    (q, s) => { s.statusCode = q.headers.host === 'shop.example' ? 200 : 404; s.end() }).listen(8443)`
    await node.run('https', {
      command: ['node', '-e', script],
      env: Object.entries({ CERT: cert, KEY: key }).map(([name, value]) => ({ name, value })),
      readinessProbe: {
        httpGet: { scheme: 'HTTPS', port: 8443, httpHeaders: [{ name: 'Host', value: 'shop.example' }] },
      },
    })
    await node.ready('https')
    await node.delete('https')
  })

  /** Answers gRPC health questions: SERVING for the service `well`, NOT_SERVING for `ill`, not found for others; `old` knows no health service. */
  const health: Partial<Container> = {
    command: [
      'node',
      '-e',
      `require('http2').createServer().on('stream', (s, h) => {
       const chunks = []
       s.on('data', (c) => chunks.push(c)).on('end', () => {
         const name = Buffer.concat(chunks).subarray(5).subarray(2).toString().replace(/^\\x01/, '')
         const known = { well: 1, ill: 2, ['x'.repeat(200)]: 1 }[name]
         s.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
         const trailers = name === 'old' ? { 'grpc-status': '12', 'grpc-message': 'no%20such' } : { 'grpc-status': known ? '0' : '5', 'grpc-message': 'unknown service' }
         s.on('wantTrailers', () => s.sendTrailers(trailers))
         s.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, known]) : undefined)
       })
     }).listen(9000)`,
    ],
  }

  for (const service of ['well', 'x'.repeat(200)])
    test(`a grpc probe asks for the health of a service whose name has ${service.length} letters`, async () => {
      const name = `grpc-${service.length}`
      await node.run(name, { ...health, readinessProbe: { grpc: { port: 9000, service } } })
      await node.ready(name)
      await node.delete(name)
    })

  for (const [service, say] of [
    ['ill', 'service unhealthy (responded with "NOT_SERVING")'],
    ['other', 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service'],
    ['old', 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no such'],
  ] as const)
    test(`a grpc probe of a service that is not well tells why: ${service}`, async () => {
      const name = `grpc-${service}`
      await node.run(name, { ...health, readinessProbe: { grpc: { port: 9000, service }, ...quick } })
      await event(name, `Warning Unhealthy: Readiness probe failed: ${say}`)
      await node.delete(name)
    })

  test('a grpc probe where nobody listens says so', async () => {
    await node.run('grpc', { command: ['sleep', '1000'], readinessProbe: { grpc: { port: 9000 }, ...quick } })
    await event('grpc', 'Warning Unhealthy: Readiness probe failed: error: failed to connect service at "100.96.1.')
    await node.delete('grpc')
  })

  test('a probe that cannot be tried says so, and ends nothing', async () => {
    await node.run('untried', {
      command: ['sleep', '1000'],
      livenessProbe: { exec: { command: ['/no/such/program'] }, ...quick },
    })
    const told = await event('untried', 'Warning Unhealthy: Liveness probe errored and resulted in unknown state: ')
    assert.match(told, /\/no\/such\/program/)
    await node.ready('untried')
    // An unknown counts for nothing however often: three periods, each of which would have been enough.
    await node.event('untried', (one) => one === told, 3)
    assert.equal(status((await node.client.get('Pod', 'untried', 'default')) ?? undefined)?.restartCount, 0)
    await node.delete('untried')
  })

  test("a probe's own grace counts instead of the pod's", async () => {
    await node.run(
      'deaf',
      {
        command: ['sh', '-c', "trap '' TERM; while :; do sleep 1; done"],
        livenessProbe: {
          exec: { command: ['false'] },
          ...quick,
          initialDelaySeconds: 1,
          terminationGracePeriodSeconds: 1,
        },
      },
      { terminationGracePeriodSeconds: 600 },
    )
    const pod = await node.until('deaf', 'started again', (one) => (status(one)?.restartCount ?? 0) > 0)
    assert.equal(status(pod)?.lastState?.terminated?.exitCode, 137)
    await node.delete('deaf')
  })

  test('a pod that is asked to end is looked at as long as it may still serve: its readiness, nothing else', async () => {
    await node.run(
      'leaving',
      {
        command: ['sh', '-c', "trap 'rm /tmp/up' TERM; touch /tmp/up; while :; do sleep 0.05; done"],
        livenessProbe: { exec: { command: ['sh', '-c', 'echo looked >> /tmp/lives; true'] }, periodSeconds: 1 },
        readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, ...quick },
      },
      { terminationGracePeriodSeconds: 30 },
    )
    await node.ready('leaving')
    await node.client.delete('Pod', 'leaving', 'default', { gracePeriodSeconds: 20 })
    await node.until('leaving', 'unready while it ends', (pod) => condition(pod, 'Ready') === 'False')
    const looked = async (): Promise<string> => (await node.exec('leaving', ['cat', '/tmp/lives'])).out
    const before = await looked()
    const failed = (one: string): boolean => one.startsWith('Warning Unhealthy: Readiness')
    assert.equal((await node.events('leaving')).filter(failed).length, 1)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    assert.equal(await looked(), before)
    await node.delete('leaving')
  })

  test('a probe has as long as it says: what answers after 1.5 s is well with a timeout of 3 s, and not with one of 1 s', async () => {
    const late = `require('http').createServer((q, s) => setTimeout(() => s.end(), 1500)).listen(8080)`
    const http = { command: ['node', '-e', late], probe: { httpGet: { port: 8080 } } }
    const exec = { command: ['sleep', '1000'], probe: { exec: { command: ['sleep', '1.5'] } } }
    const rows = Object.entries({ http, exec }).flatMap(([kind, one]) => [
      { ...one, kind, timeoutSeconds: 3 },
      { ...one, kind, timeoutSeconds: 1 },
    ])
    await Promise.all(
      rows.map(async ({ kind, command, probe, timeoutSeconds }) => {
        const name = `${kind}-${timeoutSeconds}`
        await node.run(name, { command, readinessProbe: { ...probe, ...quick, timeoutSeconds } })
        if (timeoutSeconds === 3) await node.ready(name)
        else await event(name, 'Warning Unhealthy: Readiness probe failed: ', timedOut[kind])
        const { ready } = status(await node.client.get('Pod', name, 'default')) ?? {}
        assert.equal(ready, timeoutSeconds === 3, name)
        await node.delete(name)
      }),
    )
  })
  const timedOut: Record<string, string> = {
    http: ': context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    exec: 'command timed out: "sleep 1.5" timed out after 1s',
  }

  test('a container that was started again is not ready before its probe says so', async () => {
    await node.run(
      'again',
      {
        command: [
          'sh',
          '-c',
          'test -e /v/second || { touch /v/second /tmp/up; until test -e /v/end; do sleep 0.05; done; exit 1; }; sleep 1000',
        ],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
        readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, ...quick },
      },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    )
    await node.ready('again')
    await node.exec('again', ['touch', '/v/end'])
    const pod = await node.until('again', 'running again', (one) => {
      return status(one)?.restartCount === 1 && status(one)?.state?.running !== undefined
    })
    assert.deepEqual([status(pod)?.ready, condition(pod, 'Ready')], [false, 'False'])
    await node.exec('again', ['touch', '/tmp/up'])
    await node.ready('again')
    await node.delete('again')
  })
})

test('the initial delay of the others counts from the start of the container, not from the success of its startup probe', async () => {
  await node.run('delayed', {
    command: ['sh', '-c', 'sleep 3; touch /tmp/up; sleep 1000'],
    startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { exec: { command: ['true'] }, initialDelaySeconds: 3 },
  })
  const pod = await node.until('delayed', 'started', (one) => status(one)?.started === true)
  const begun = performance.now()
  if (condition(pod, 'Ready') !== 'True') await node.ready('delayed')
  assert.ok(performance.now() - begun < 2500, 'a second delay would be 3 s')
  await node.delete('delayed')
})
