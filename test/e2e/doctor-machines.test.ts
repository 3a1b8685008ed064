// kubehop doctor in a whole lab: mistakes that kernels show. What no manifest can break is broken in the node's own namespace.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Service } from '../../src/api/objects/service.ts'
import type { Trace } from '../../src/trace/types.ts'
import { apply, cure, diagnose, finds, remove } from './doctor-lab.ts'
import { run, startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor-machines', '--nodes', '2')
})
after(async () => lab?.down())

const trace = async (from: string, to: string, ...words: string[]): Promise<Trace> => {
  const { out, err } = await lab.kubehop('trace', from, to, ...words, '-o', 'json')
  assert.ok(out.startsWith('{'), err)
  return JSON.parse(out) as Trace
}
const verdict = async (from: string, to: string): Promise<string> => (await trace(from, to, '--timeout', '1')).verdict
const delivered = (from: string, to: string): Promise<string> =>
  lab.until(
    `${from} reaches ${to}`,
    () => verdict(from, to),
    (one) => one === 'delivered',
  )

/** What is broken is put right again, whatever becomes of the test: the next ones need the node. */
async function whileBroken(node: string, broken: string[], whole: string[], body: () => Promise<void>): Promise<void> {
  await breakNode(node, ...broken)
  try {
    await body()
  } finally {
    await breakNode(node, ...whole)
  }
}

/** break-node.ts in a node's namespaces, which are its agent's. */
async function breakNode(node: string, ...words: string[]): Promise<void> {
  const pid = lab.pidOf(`kubehop node ${node}`)
  assert.ok(pid)
  // A namespace that one is in already cannot be entered.
  const user = readlinkSync('/proc/self/ns/user') === readlinkSync(`/proc/${pid}/ns/user`) ? [] : ['--user']
  const enter = ['--target', String(pid), ...user, '--preserve-credentials', '--net', '--mount']
  const script = resolve('test/e2e/break-node.ts')
  const { code, err } = await run('nsenter', [...enter, process.execPath, script, ...words])
  assert.equal(code, 0, err)
}

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
  assert.equal(await verdict('broken-02/client', 'http://web/'), 'refused')
  await finds(lab, ['broken-02', '--for', 'broken-02/client', 'http://web/'], ['NobodyListens Service/web'])
  await cure(lab, found)
  await finds(lab, ['broken-02'], [])
  await delivered('broken-02/client', 'http://web/')
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
  assert.equal(await verdict('broken-03/client', 'http://web/'), 'refused')
  const cured = await lab.kubectl('-n', 'broken-03', 'set', 'env', 'deployment/web', 'LISTEN=0.0.0.0')
  assert.equal(cured.code, 0, cured.err)
  await lab.kubectl('-n', 'broken-03', 'rollout', 'status', 'deployment/web', '--timeout=60s')
  await finds(lab, ['broken-03'], [])
  await delivered('broken-03/client', 'http://web/')
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
  const pod = await lab.json<Pod>('get', 'pod', 'web', '-n', 'broken-11')
  const second = pod.spec.containers[1]
  assert.ok(second)
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
  await delivered('broken-11/client', 'http://web/')
  await remove(lab, file)
})

test('12: a pod cannot reach itself through its service while its port of the bridge sends nothing back', async () => {
  const file = 'examples/broken/12-hairpin.yaml'
  await apply(lab, file)
  assert.equal(await verdict('broken-12/alone', 'http://web/'), 'delivered')
  await finds(lab, ['broken-12'], [])
  const first = (await trace('broken-12/alone', 'http://web/')).hops.find(({ device }) => device.startsWith('veth'))
  assert.ok(first)
  await whileBroken('node1', ['hairpin', first.device, 'off'], ['hairpin', first.device, 'on'], async () => {
    assert.notEqual(await verdict('broken-12/alone', 'http://web/'), 'delivered')
    const { findings } = await finds(lab, ['broken-12'], ['HairpinOff Node/node1'])
    assert.equal(findings[0]?.field, `${first.device}: hairpin`)
    const asked = ['broken-12', '--timeout', '1', '--for', 'broken-12/alone', 'http://web/']
    await finds(lab, asked, ['HairpinOff Node/node1'])
    const { why } = await trace('broken-12/alone', 'http://web/', '--timeout', '1')
    assert.equal(why[0]?.code, 'HairpinOff')
  })
  await finds(lab, ['broken-12'], [])
  await delivered('broken-12/alone', 'http://web/')
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
  assert.match(findings[0]?.evidence.map(({ text }) => text).join() ?? '', /UNREPLIED|FAILED|INCOMPLETE/)
  await lab.kubectl('-n', 'broken-15', 'delete', 'pod', 'client')
  await apply(lab, file)
  await lab.until('the client asks again', log, (out) => out.includes(': 200'))
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
  await lab.kubectl('-n', 'broken-16', 'set', 'env', 'deployment/client', 'KEEP_ALIVE=no')
  await lab.kubectl('-n', 'broken-16', 'rollout', 'status', 'deployment/client', '--timeout=60s')
  await finds(lab, ['broken-16'], [])
  await remove(lab, file)
})

test('17: a UDP client whose connection entry leads to nobody is named, and deleting the entry cures it', async () => {
  const file = 'examples/broken/17-udp.yaml'
  await apply(lab, file)
  const { clusterIP = '' } = (await lab.json<Service>('get', 'service', 'echo', '-n', 'broken-17')).spec
  const log = (): Promise<string> =>
    lab.kubectl('-n', 'broken-17', 'logs', 'client', '--since=2s').then(({ out }) => out)
  await lab.until('an answer', log, (out) => out.includes('who is there?'))
  await finds(lab, ['broken-17'], [])
  // The next entry is made by a rule of somebody else's, which then goes: the entry stays as long as the client sends.
  await breakNode('node1', 'dnat', clusterIP, '100.96.2.250', '5353')
  await lab.kubectl('-n', 'broken-17', 'delete', 'pod', 'client')
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-17'], ['UdpBlackHole Service/echo'])
  await breakNode('node1', 'undo')
  await finds(lab, ['broken-17'], ['UdpBlackHole Service/echo'])
  assert.match(
    findings[0]?.say ?? '',
    /to service broken-17\/echo, port 53, on node1 still sends to 100\.96\.2\.250:5353, which no pod has any more/,
  )
  assert.match(
    findings[0]?.evidence[0]?.text ?? '',
    /^node1: udp \S+:4000 > \S+:53 \[UNREPLIED\], reply 100\.96\.2\.250:5353 > /,
  )
  await breakNode('node1', 'forget', clusterIP, '53')
  await lab.until('an answer again', log, (out) => out.includes('who is there?'))
  await finds(lab, ['broken-17'], [])
  await remove(lab, file)
})

test('18: a card that takes less than the others send is told, and the same MTU cures it', async () => {
  const file = 'examples/broken/18-mtu.yaml'
  await apply(lab, file)
  await finds(lab, [], [])
  await whileBroken('node1', ['mtu', 'eth0', '1300'], ['mtu', 'eth0', '1500'], async () => {
    const { findings } = await finds(lab, [], ['MtuDiffers Node/node1'])
    assert.match(
      findings[0]?.say ?? '',
      /^eth0 of node1 takes packets of up to 1300 bytes, others on 192\.168\.50\.0\/24 send up to 1500/,
    )
  })
  await finds(lab, [], [])
  await delivered('broken-18/client', 'http://web/')
  await remove(lab, file)
})

test('19: settings of a node’s kernel are told by their names, and the value that cures', async () => {
  const file = 'examples/broken/19-settings.yaml'
  await apply(lab, file)
  await delivered('broken-19/client', 'http://web/')
  const bridged = 'net.bridge.bridge-nf-call-iptables'
  await whileBroken('node1', ['sysctl', bridged, '0'], ['sysctl', bridged, '1'], async () => {
    assert.notEqual(await verdict('broken-19/client', 'http://web/'), 'delivered')
    const skips = await finds(lab, [], ['BridgeSkipsRules Node/node1'])
    assert.deepEqual([skips.findings[0]?.field, skips.findings[0]?.fix], [bridged, `on node1: sysctl -w ${bridged}=1`])
    assert.equal((await trace('broken-19/client', 'http://web/', '--timeout', '1')).why[0]?.code, 'BridgeSkipsRules')
  })
  await finds(lab, [], [])
  await delivered('broken-19/client', 'http://web/')

  const forward = 'net.ipv4.ip_forward'
  await whileBroken('node2', ['sysctl', forward, '0'], ['sysctl', forward, '1'], async () => {
    await finds(lab, [], ['ForwardingOff Node/node2'])
  })
  await finds(lab, [], [])
  await remove(lab, file)
})

test('21: of a timeout the place that threw the request away is named, with its rule', async () => {
  const file = 'examples/broken/21-silence.yaml'
  await apply(lab, file)
  const asked = ['broken-21', '--timeout', '1', '--for', 'broken-21/client', 'http://web/']
  await finds(lab, asked, [])
  const address = (await lab.json<Pod>('get', 'pod', 'web', '-n', 'broken-21')).status?.podIP ?? ''
  await whileBroken('node2', ['drop', address], ['undo'], async () => {
    const { findings, request } = await diagnose(lab, ...asked)
    assert.equal(request?.verdict, 'dropped')
    assert.deepEqual(
      findings.map(({ number, code, object: { kind, name } }) => `${number} ${code} ${kind}/${name}`),
      ['21 Silence Node/node2'],
    )
    assert.match(
      findings[0]?.say ?? '',
      /^nobody said anything within 1 s.*: a rule of node2 threw it away without a word \(somebody-else guard/,
    )
  })
  await finds(lab, asked, [])
  await delivered('broken-21/client', 'http://web/')
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
  await delivered('broken-25/client', 'http://web/')
  await remove(lab, file)
})
