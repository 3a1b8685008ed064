// kubehop doctor in a whole lab: for each mistake that objects or a request show, the manifest that makes it, the finding, and the cure.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { apply, cure, diagnose, finds, namesOf, remove, shell } from './doctor-lab.ts'
import { run, startTestLab, type TestLab } from './harness.ts'

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

test('a healthy lab has nothing wrong, and the doctor says how much it looked at', async () => {
  const healthy = await diagnose(lab)
  assert.deepEqual(namesOf(healthy.findings), [])
  assert.deepEqual([healthy.code, healthy.untold], [0, []])
  assert.ok(healthy.looked.services >= 5 && healthy.looked.pods >= 5, JSON.stringify(healthy.looked))
  assert.deepEqual([healthy.looked.nodes, healthy.looked.machines], [3, 4])
  const { out } = await lab.kubehop('doctor')
  assert.match(out, /^looked at \d+ services, \d+ pods, 3 nodes, 4 kernels: \d+ of \d+ checks, nothing wrong\n/)
  const asked = await diagnose(lab, '--for', 'deploy/web', 'http://api/')
  assert.deepEqual(namesOf(asked.findings), [])
  assert.equal(asked.request?.verdict, 'delivered')
})

test('a service that was just made is not finished yet, and no mistake', async () => {
  const made = await lab.kubectl('create', 'service', 'clusterip', 'soon', '--tcp=80:8080')
  assert.equal(made.code, 0, made.err)
  const { findings, early } = await diagnose(lab)
  assert.deepEqual([namesOf(findings), namesOf(early)], [[], ['SelectorMatchesNothing Service/soon']])
  assert.equal((await lab.kubectl('delete', 'service', 'soon')).code, 0)
})

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

test('a rollout that goes well is never a mistake, at no moment of it', async () => {
  const deployments = ['deployment/web', 'deployment/api']
  assert.equal((await lab.kubectl('rollout', 'restart', ...deployments)).code, 0)
  const done = Promise.all(deployments.map((one) => lab.kubectl('rollout', 'status', one, '--timeout=60s')))
  let over = false
  void done.then(() => {
    over = true
  })
  while (!over) assert.deepEqual(namesOf((await diagnose(lab, 'default')).findings), [])
  assert.deepEqual(
    (await done).map(({ code }) => code),
    [0, 0],
  )
})

test('an agent that does not answer is said, and the rest goes on', async () => {
  const agent = lab.pidOf('kubehop node node3')
  assert.ok(agent)
  process.kill(agent, 'SIGSTOP')
  try {
    const { untold, looked, findings } = await diagnose(lab, 'default')
    assert.match(untold.join('; '), /^the kernel of node3: .*no answer within 5 s$/)
    assert.deepEqual([looked.machines, namesOf(findings)], [3, []])
  } finally {
    process.kill(agent, 'SIGCONT')
  }
})

test('any cluster is looked at by its kubeconfig, and what needs an agent is named', async () => {
  const kubeconfig = (await lab.kubehop('kubeconfig')).out.trim()
  const { looked, checks, findings, code } = await diagnose(lab, 'default', '--kubeconfig', kubeconfig)
  assert.deepEqual([looked.machines, looked.nodes, code], [0, 3, 0])
  assert.deepEqual(namesOf(findings), [])
  assert.equal(checks.find(({ number }) => number === 3)?.because, 'needs agents on the nodes')
  assert.equal(checks.find(({ number }) => number === 1)?.ran, true)
})

test('what is asked for wrongly is said before anything is looked at', async () => {
  const rows: [string[], RegExp, number][] = [
    [['--for', 'client'], /--for needs FROM and TO/, 2],
    [['Shop!'], /"Shop!" is no namespace/, 2],
    [['nowhere'], /there is no namespace "nowhere"; there is .*default/, 1],
    [['-o', 'xml'], /-o is text, json, yaml, not "xml"/, 2],
    [['--context', 'x'], /needs --kubeconfig FILE/, 2],
    [['--kubeconfig', '/nonexistent'], /nonexistent/, 1],
    [['--for', 'nobody', 'http://web/'], /there is no pod default\/nobody/, 1],
  ]
  for (const [words, expected, status] of rows) {
    const { code, err } = await lab.kubehop('doctor', ...words)
    assert.match(err, expected)
    assert.equal(code, status, words.join(' '))
  }
})

test('a pipe that closes early is no failure', async () => {
  const { code, err } = await run(
    'sh',
    ['-c', `"$0" src/cli/main.ts doctor --list | head -1`, process.execPath],
    lab.env,
  )
  assert.deepEqual([code, err], [0, ''])
})
