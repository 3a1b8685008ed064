// kubehop doctor in a whole lab: for each mistake that objects or a request show, the manifest that makes it, the finding, and the cure.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { apply, cure, diagnose, finds, namesOf, remove, shell } from './doctor-lab.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor', '-f', 'examples/shop')
})
after(async () => lab?.down())

const verdict = async (from: string, to: string): Promise<string> => {
  const { out, err } = await lab.kubehop('trace', from, to, '-o', 'json')
  assert.ok(out.startsWith('{'), err)
  return (JSON.parse(out) as Trace).verdict
}

test('1: a selector that matches nothing is compared with the labels there are, and the patch cures it', async () => {
  const file = 'examples/broken/01-selector.yaml'
  await apply(lab, file)
  const { findings, code } = await diagnose(lab, 'broken-01')
  assert.deepEqual([namesOf(findings), code], [['SelectorMatchesNothing Service/web'], 1])
  const [found] = findings
  assert.ok(found)
  assert.deepEqual([found.field, found.sure], ['spec.selector.app', 'certain'])
  assert.equal(found.fix, 'pods here have app=web: is that meant?')
  await cure(lab, found)
  await finds(lab, ['broken-01'], [])
  assert.equal(await verdict('broken-01/client', 'http://web/'), 'delivered')
  await remove(lab, file)
})

test('4: pods that are not Ready are told with their probe and what it last said, and the patch cures it', async () => {
  const file = 'examples/broken/04-not-ready.yaml'
  await apply(lab, file, false)
  const { findings } = await finds(lab, ['broken-04'], ['NoReadyPod Service/web'])
  const [found] = findings
  assert.ok(found)
  assert.match(
    found.say,
    /selects 1 pod, and none is ready: web-\S+: the readiness probe of container web \(GET :8081\/\) fails: .*refused/,
  )
  assert.equal(found.field, 'spec.template.spec.containers[0].readinessProbe')
  await cure(lab, found)
  await finds(lab, ['broken-04'], [])
  assert.equal(await verdict('broken-04/client', 'http://web/'), 'delivered')
  await remove(lab, file)
})

test('5: a name that means a service of another namespace is written out', async () => {
  const file = 'examples/broken/05-namespace.yaml'
  await apply(lab, file)
  const { findings } = await finds(
    lab,
    ['broken-05', '--for', 'broken-05/client', 'http://ledger/'],
    ['NameElsewhere Pod/client'],
  )
  assert.equal(findings[0]?.fix, 'write ledger.broken-05-data')
  const cured = await diagnose(lab, 'broken-05', '--for', 'broken-05/client', 'http://ledger.broken-05-data/')
  assert.equal(cured.request?.verdict, 'delivered')
  // A name with a namespace is found at the second domain of the search list: one question in vain, for each kind of address.
  assert.deepEqual(namesOf(cured.findings), ['SearchedName Pod/client'])
  await remove(lab, file)
})

test('6: questions in vain are counted, and a smaller ndots ends them', async () => {
  const file = 'examples/broken/06-ndots.yaml'
  await apply(lab, file)
  const asked = ['broken-06', '--for', 'broken-06/deploy/client', 'http://web.broken-06.svc.cluster.local/']
  const { findings } = await diagnose(lab, ...asked)
  const [found] = findings
  assert.equal(found?.code, 'SearchedName', JSON.stringify(findings))
  assert.match(found.say, /^6 of 8 questions were about names that do not exist/)
  await cure(lab, found)
  const rolled = await lab.kubectl('-n', 'broken-06', 'rollout', 'status', 'deployment/client', '--timeout=60s')
  assert.equal(rolled.code, 0, rolled.err)
  await finds(lab, asked, [])
  await remove(lab, file)
})

test('7: a port of the wrong kind is named, and the one that was meant', async () => {
  const file = 'examples/broken/07-ports.yaml'
  await apply(lab, file)
  const wrong = async (to: string, expected: string): Promise<string | undefined> =>
    (await finds(lab, ['broken-07', '--for', 'broken-07/client', to], [expected])).findings[0]?.fix
  assert.match((await wrong('http://web:8080/', 'NoSuchPort Service/web')) ?? '', /^ask for port 80,/)
  assert.match((await wrong('http://web:30080/', 'NoSuchPort Service/web')) ?? '', /^ask for port 80,/)
  assert.match(
    (await wrong('http://192.168.50.12:80/', 'PortOfService Service/web')) ?? '',
    /^ask for 192\.168\.50\.12:30080/,
  )
  await finds(lab, ['broken-07', '--for', 'broken-07/client', 'http://web/'], [])
  await finds(lab, ['broken-07', '--for', 'broken-07/client', 'http://192.168.50.12:30080/'], [])
  await remove(lab, file)
})

test('10: a policy that nothing enforces is said to stop nobody; kubectl lists and describes it', async () => {
  const file = 'examples/broken/10-policy.yaml'
  await apply(lab, file)
  const { findings, code } = await diagnose(lab, 'broken-10')
  assert.deepEqual([namesOf(findings), code], [['PolicyNotEnforced NetworkPolicy/nobody-asks-web'], 0])
  assert.equal((await diagnose(lab, 'broken-10', '--strict')).code, 1)
  assert.equal(await verdict('broken-10/client', 'http://web/'), 'delivered')
  assert.match(
    (await lab.kubectl('-n', 'broken-10', 'get', 'netpol')).out,
    /POD-SELECTOR.*\n.*nobody-asks-web +app=web/,
  )
  const described = await lab.kubectl('-n', 'broken-10', 'describe', 'netpol', 'nobody-asks-web')
  assert.match(described.out, /PodSelector:\s+app=web[^]*Policy Types: Ingress/)
  const [command] = /kubectl .*$/.exec(findings[0]?.fix ?? '') ?? []
  await shell(lab, command ?? '')
  await finds(lab, ['broken-10'], [])
  await remove(lab, file)
})

test('13: an ExternalName passes on the Host that the client used; the real name is answered', async () => {
  const file = 'examples/broken/13-external-name.yaml'
  await apply(lab, file)
  const asked = ['broken-13', '--for', 'broken-13/client']
  const { findings } = await finds(lab, [...asked, 'http://shop/'], ['ExternalNameHost Service/shop'])
  assert.match(findings[0]?.say ?? '', /say "shop" to web\.broken-13\.svc\.cluster\.local.*the answer was 421/)
  await finds(lab, [...asked, 'http://web.broken-13.svc.cluster.local./'], [])
  await remove(lab, file)
})

test('13: what an ExternalName names is written out, and then has an address', async () => {
  const file = 'examples/broken/13-short-name.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-13-short'], ['ExternalNameShort Service/shop'])
  assert.equal(await verdict('broken-13-short/client', 'http://shop/'), 'name-not-found')
  assert.ok(findings[0])
  await cure(lab, findings[0])
  await finds(lab, ['broken-13-short'], [])
  await lab.until(
    'the name',
    () => verdict('broken-13-short/client', 'http://shop/'),
    (one) => one === 'delivered',
  )
  await remove(lab, file)
})

test('14: a headless service is asked on the port that its pods have', async () => {
  const file = 'examples/broken/14-headless.yaml'
  await apply(lab, file)
  const { findings } = await finds(
    lab,
    ['broken-14', '--for', 'broken-14/client', 'http://web/'],
    ['HeadlessPort Service/web'],
  )
  assert.match(findings[0]?.fix ?? '', /^ask for port 8080,/)
  const before = await finds(lab, ['broken-14'], ['HeadlessPortDiffers Service/web'])
  assert.equal(before.findings[0]?.level, 'info')
  assert.ok(before.findings[0])
  await cure(lab, before.findings[0])
  await finds(lab, ['broken-14', '--for', 'broken-14/client', 'http://web:8080/'], [])
  await remove(lab, file)
})

test('20: two nodes that have the same pod addresses are both named', async () => {
  const file = 'examples/broken/20-ranges.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, [], ['NodeRangesOverlap Node/twin'])
  assert.match(findings[0]?.say ?? '', /twin has 100\.96\.1\.128\/25 for its pods, and node1 has 100\.96\.1\.0\/24/)
  await shell(lab, /kubectl .*$/.exec(findings[0]?.fix ?? '')?.[0] ?? '')
  await finds(lab, [], [])
})

test('22: a pinged service address answers nobody, and its port does', async () => {
  const file = 'examples/broken/22-ping.yaml'
  await apply(lab, file)
  const asked = ['broken-22', '--timeout', '1', '--for', 'broken-22/client']
  const { findings } = await finds(lab, [...asked, 'icmp://web'], ['ServicePinged Service/web'])
  assert.equal(findings[0]?.fix, 'ask one of its ports: tcp://web.broken-22:80')
  await finds(lab, [...asked, 'tcp://web:80'], [])
  await remove(lab, file)
})

test('23: a load balancer that nobody makes is told, and a node port cures it', async () => {
  const file = 'examples/broken/23-load-balancer.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-23'], ['LoadBalancerPending Service/web'])
  assert.ok(findings[0])
  await cure(lab, findings[0])
  await finds(lab, ['broken-23'], [])
  await remove(lab, file)
})

test('23: a cluster IP leads nowhere from outside, and a node port does', async () => {
  const asked = ['--for', 'outside', 'svc/web']
  const { findings } = await finds(lab, asked, ['ClusterOnly Service/web'])
  assert.ok(findings[0])
  await cure(lab, findings[0])
  await finds(lab, asked, [])
  assert.equal(await verdict('outside', 'svc/web'), 'delivered')
  await lab.kubectl('patch', 'service', 'web', '--type=merge', '-p', '{"spec":{"type":"ClusterIP"}}')
})

test('24: nodes without a pod of a Local service drop what comes from outside', async () => {
  const file = 'examples/broken/24-local-policy.yaml'
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-24'], ['NoPodOnNode Service/web'])
  assert.match(findings[0]?.say ?? '', /no ready pod on node2 and node3, and its externalTrafficPolicy is Local/)
  const asked = ['broken-24', '--timeout', '2', '--for', 'outside', 'http://192.168.50.12:30024/']
  const failed = await finds(lab, asked, ['NoPodOnNode Service/web'])
  assert.equal(failed.findings[0]?.level, 'error')
  assert.ok(failed.findings[0])
  await cure(lab, failed.findings[0])
  await finds(lab, asked, [])
  await remove(lab, file)
})
