// kubehop doctor in a whole lab: mistakes of pods and clients that kernels show.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Diagnosis } from '../../src/doctor/diagnosis.ts'
import { delivered, verdict } from './broken-lab.ts'
import { apply, cure, finds, remove, shell } from './doctor-lab.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor-machines', '--nodes', '2')
})
after(async () => lab?.down())

test('2: a port where nobody listens is compared with the sockets there are, and the patch cures it', async () => {
  const file = 'examples/broken/02-target-port.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-02'], ['NobodyListens Service/web'])
  const [found] = findings
  assert.ok(found)
  assert.match(
    found.say,
    /sends to port 80, and nobody listens there in pod broken-02\/web-\S+; what listens there: tcp 0\.0\.0\.0:8080 node\[\d+\] in container web/,
  )
  assert.deepEqual([found.field, found.sure], ['spec.ports[0].targetPort', 'certain'])
  assert.equal(await verdict(lab, 'broken-02/client', 'http://web/'), 'refused')
  await finds(lab, ['broken-02', '--for', 'broken-02/client', 'http://web/'], ['NobodyListens Service/web'])
  await cure(lab, found)
  await finds(lab, ['broken-02'], [])
  await delivered(lab, 'broken-02/client', 'http://web/')
  await remove(lab, file)
})

test('3: a program that listens on 127.0.0.1 only is found by its socket', async () => {
  const file = 'examples/broken/03-loopback.yaml'
  await apply(lab, file)
  const pods = await lab.json<{ items: Pod[] }>('get', 'pods', '-n', 'broken-03', '-l', 'app=web')
  const name = pods.items[0]?.metadata.name
  const { findings } = await finds(lab, ['broken-03'], [`LoopbackOnly Pod/${name}`])
  assert.match(findings[0]?.say ?? '', /^node in pod broken-03\/web-\S+ listens on 127\.0\.0\.1:8080 only/)
  assert.match(findings[0]?.evidence[0]?.text ?? '', /^tcp 127\.0\.0\.1:8080 node\[\d+\] in container web$/)
  assert.equal(await verdict(lab, 'broken-03/client', 'http://web/'), 'refused')
  // What the author of the program is to do: this one listens where LISTEN says.
  const [, listen = ''] = /^let it listen on (\S+)$/.exec(findings[0]?.fix ?? '') ?? []
  const cured = await lab.kubectl('-n', 'broken-03', 'set', 'env', 'deployment/web', `LISTEN=${listen}`)
  assert.equal(cured.code, 0, cured.err)
  await lab.kubectl('-n', 'broken-03', 'rollout', 'status', 'deployment/web', '--timeout=60s')
  await finds(lab, ['broken-03'], [])
  await delivered(lab, 'broken-03/client', 'http://web/')
  await remove(lab, file)
})

test('11: a container whose port another one has is told with the one that has it', async () => {
  const file = 'examples/broken/11-port-taken.yaml'
  await apply(lab, file, false)
  const { findings } = await finds(lab, ['broken-11'], ['PortTaken Pod/web'])
  assert.match(
    findings[0]?.say ?? '',
    /^container second of pod broken-11\/web ends at once.*: port 8080 is taken by container first \(node, process \d+\)$/,
  )
  assert.match(findings[0]?.evidence[0]?.text ?? '', /EADDRINUSE: address already in use 0\.0\.0\.0:8080/)
  assert.equal(findings[0]?.fix, 'let one of the two listen on another port: containers of one pod share one network')
  const pod = await lab.json<Pod>('get', 'pod', 'web', '-n', 'broken-11')
  // The one that the finding's field names.
  const [, at = ''] = /^spec\.containers\[(\d+)\]$/.exec(findings[0].field ?? '') ?? []
  const second = pod.spec.containers[Number(at)]
  assert.ok(at && second)
  second.env = [{ name: 'PORT', value: '8081' }]
  await lab.kubectl('delete', 'pod', 'web', '-n', 'broken-11')
  await lab.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'broken-11', labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: pod.spec.containers.map(({ name, image, command, env }) => ({ name, image, command, env })),
      },
    }),
  )
  await finds(lab, ['broken-11'], [])
  await delivered(lab, 'broken-11/client', 'http://web/')
  await remove(lab, file)
})

test('15: who keeps the address of a pod that has gone is named', async () => {
  const file = 'examples/broken/15-stale-address.yaml'
  await apply(lab, file)
  const log = (): Promise<string> => lab.kubectl('-n', 'broken-15', 'logs', 'client').then(({ out }) => out)
  await lab.until('the client asks', log, (out) => out.includes(': 200'))
  const address = (await lab.json<Pod>('get', 'pod', 'web', '-n', 'broken-15')).status?.podIP ?? ''
  await finds(lab, ['broken-15'], [])
  await lab.kubectl('-n', 'broken-15', 'delete', 'pod', 'web')
  // The service has nobody any more, which is another matter.
  await lab.kubectl('-n', 'broken-15', 'delete', 'service', 'web')
  const { findings } = await finds(lab, ['broken-15'], ['NoSuchPod Pod/client'])
  assert.match(
    findings[0]?.say ?? '',
    new RegExp(`^${address.replaceAll('.', '\\.')} is an address for pods, and no pod has it`),
  )
  assert.match(findings[0]?.evidence.map(({ text }) => text).join() ?? '', /SYN_SENT/)
  const { fix = '' } = findings[0] ?? {}
  assert.match(fix, /^pods come and go: ask a service\. kubectl get pods -A -o wide has the addresses of now$/)
  await lab.kubectl('-n', 'broken-15', 'delete', 'pod', 'client')
  await apply(lab, file)
  await lab.until('the client asks again', log, (out) => out.includes(': 200'))
  // The addresses of now are where the fix says, and the client has one of them.
  const now = await shell(lab, /kubectl .* wide/.exec(fix)?.[0] ?? '')
  const [, asked = ''] = /(\S+): 200/.exec(await log()) ?? []
  assert.deepEqual([asked !== '', now.includes(` ${asked} `), now.includes(` ${address} `)], [true, true, false], now)
  await finds(lab, ['broken-15'], [])
  await remove(lab, file)
})

test('16: a connection that is kept open gives one pod all the work', async () => {
  const file = 'examples/broken/16-hot-pod.yaml'
  await apply(lab, file)
  let hot = ''
  await lab.until(
    'the hot pod',
    async () => {
      const { out } = await lab.kubehop('doctor', 'broken-16', '-o', 'json')
      hot = out
      return (JSON.parse(out) as { findings: { code: string }[] }).findings.map(({ code }) => code)
    },
    (codes) => codes.join() === 'HotPod',
    60,
  )
  assert.match(
    hot,
    /has 100 % of the work of service broken-16\/web, port 80: 1 connection of 1 client is kept open, since \d+ s, and 2 other endpoints of 3 have none/,
  )
  const [found] = (JSON.parse(hot) as Diagnosis).findings
  assert.match(found?.fix ?? '', /^let clients end connections now and then .*, or choose an endpoint for each request/)
  await lab.kubectl('-n', 'broken-16', 'set', 'env', 'deployment/client', 'KEEP_ALIVE=no')
  await lab.kubectl('-n', 'broken-16', 'rollout', 'status', 'deployment/client', '--timeout=60s')
  await finds(lab, ['broken-16'], [])
  await remove(lab, file)
})

test('25: a deployment whose rollouts cut clients off is told, and the patch cures it', async () => {
  const file = 'examples/broken/25-rollout.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-25'], ['RolloutCutsOff Deployment/web'])
  assert.match(findings[0]?.say ?? '', /felt by clients of service broken-25\/web: it kills its pods at once/)
  assert.ok(findings[0])
  await cure(lab, findings[0])
  const rolled = await lab.kubectl('-n', 'broken-25', 'rollout', 'status', 'deployment/web', '--timeout=90s')
  assert.equal(rolled.code, 0, rolled.err)
  await finds(lab, ['broken-25'], [])
  await delivered(lab, 'broken-25/client', 'http://web/')
  await remove(lab, file)
})
