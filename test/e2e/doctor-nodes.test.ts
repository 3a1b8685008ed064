// kubehop doctor in a whole lab: what no manifest can break is broken in the node's own namespace.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { breakNode, delivered, mend, onNode, trace, verdict, whileBroken } from './broken-lab.ts'
import { apply, diagnose, finds, remove } from './doctor-lab.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor-nodes', '--nodes', '2')
})
after(async () => lab?.down())

test('12: a pod cannot reach itself through its service while its port of the bridge sends nothing back', async () => {
  const file = 'examples/broken/12-hairpin.yaml'
  await apply(lab, file)
  assert.equal(await verdict(lab, 'broken-12/alone', 'http://web/'), 'delivered')
  await finds(lab, ['broken-12'], [])
  const first = (await trace(lab, 'broken-12/alone', 'http://web/')).hops.find(({ device }) =>
    device.startsWith('veth'),
  )
  assert.ok(first)
  await whileBroken(lab, 'node1', ['hairpin', first.device, 'off'], ['hairpin', first.device, 'on'], async () => {
    assert.notEqual(await verdict(lab, 'broken-12/alone', 'http://web/'), 'delivered')
    const { findings } = await finds(lab, ['broken-12'], ['HairpinOff Node/node1'])
    assert.equal(findings[0]?.field, `${first.device}: hairpin`)
    const asked = ['broken-12', '--timeout', '1', '--for', 'broken-12/alone', 'http://web/']
    await finds(lab, asked, ['HairpinOff Node/node1'])
    const { why } = await trace(lab, 'broken-12/alone', 'http://web/', '--timeout', '1')
    assert.equal(why[0]?.code, 'HairpinOff')
    await mend(lab, findings[0])
    await finds(lab, ['broken-12'], [])
    await delivered(lab, 'broken-12/alone', 'http://web/')
  })
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
  await breakNode(lab, 'node1', 'dnat', clusterIP, '100.96.2.250', '5353')
  await lab.kubectl('-n', 'broken-17', 'delete', 'pod', 'client')
  await apply(lab, file)
  const { findings } = await finds(lab, ['broken-17'], ['UdpBlackHole Service/echo'])
  await breakNode(lab, 'node1', 'undo')
  await finds(lab, ['broken-17'], ['UdpBlackHole Service/echo'])
  assert.match(
    findings[0]?.say ?? '',
    /to service broken-17\/echo, port 53, on node1 still sends to 100\.96\.2\.250:5353, which no pod has any more/,
  )
  assert.match(
    findings[0]?.evidence[0]?.text ?? '',
    /^node1: udp \S+:4000 > \S+:53 \[UNREPLIED\], reply 100\.96\.2\.250:5353 > /,
  )
  await mend(lab, findings[0])
  await lab.until('an answer again', log, (out) => out.includes('who is there?'))
  // The other node remembers for half a minute where the last of them went.
  await breakNode(lab, 'node2', ...'conntrack -D -p udp --orig-dst 100.96.2.250 --orig-port-dst 5353'.split(' '))
  await finds(lab, ['broken-17'], [])
  await remove(lab, file)
})

test('18: over a card that takes less than the others send large answers hang, and the same MTU cures it', async () => {
  const file = 'examples/broken/18-mtu.yaml'
  await apply(lab, file)
  await finds(lab, [], [])
  const ask = async (bytes: number): Promise<string> => {
    const program = `fetch('http://web/${bytes}', { signal: AbortSignal.timeout(2000) }).then((r) => r.text()).then((t) => t.length, (e) => e.name).then(console.log)`
    return (await lab.kubectl('-n', 'broken-18', 'exec', 'client', '--', 'node', '-e', program)).out.trim()
  }
  // Virtual cards hand on many segments as one, whatever their MTU; this one sends each by itself, as real ones do.
  await onNode(lab, 'node2', 'ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', '1')
  assert.equal(await ask(100_000), '100000')
  await whileBroken(lab, 'node1', ['mtu', 'eth0', '1300'], ['mtu', 'eth0', '1500'], async () => {
    const { findings } = await finds(lab, [], ['MtuDiffers Node/node1'])
    assert.match(
      findings[0]?.say ?? '',
      /^eth0 of node1 takes packets of up to 1300 bytes, others on 192\.168\.50\.0\/24 send up to 1500/,
    )
    assert.deepEqual([await ask(10), await ask(100_000)], ['10', 'TimeoutError'])
    await mend(lab, findings[0])
    await finds(lab, [], [])
    assert.equal(await ask(100_000), '100000')
  })
  await onNode(lab, 'node2', 'ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', '65535')
  await remove(lab, file)
})

test('19: settings of a node’s kernel are told by their names, and the value that cures', async () => {
  const file = 'examples/broken/19-settings.yaml'
  await apply(lab, file)
  // By its address: the name server may be on the same node, and not be heard either.
  const { clusterIP = '' } = (await lab.json<Service>('get', 'service', 'web', '-n', 'broken-19')).spec
  const web = `http://${clusterIP}/`
  await delivered(lab, 'broken-19/client', web)
  const bridged = 'net.bridge.bridge-nf-call-iptables'
  await whileBroken(lab, 'node1', ['sysctl', bridged, '0'], ['sysctl', bridged, '1'], async () => {
    const asked = await trace(lab, 'broken-19/client', web, '--timeout', '1')
    assert.equal(asked.verdict, 'no-answer')
    assert.equal(asked.why[0]?.code, 'BridgeSkipsRules')
    assert.match(
      asked.why[0]?.command ?? '',
      /^PATH=\S+ nsenter -t .* sysctl -w net\.bridge\.bridge-nf-call-iptables=1$/,
    )
    const skips = await finds(lab, [], ['BridgeSkipsRules Node/node1'])
    assert.equal(skips.findings[0]?.field, bridged)
    await mend(lab, skips.findings[0])
    await finds(lab, [], [])
    await delivered(lab, 'broken-19/client', web)
  })

  const forward = 'net.ipv4.ip_forward'
  await whileBroken(lab, 'node2', ['sysctl', forward, '0'], ['sysctl', forward, '1'], async () => {
    const { findings } = await finds(lab, [], ['ForwardingOff Node/node2'])
    await mend(lab, findings[0])
    await finds(lab, [], [])
  })
  await remove(lab, file)
})

test('21: of a timeout the place that threw the request away is named, with its rule', async () => {
  const file = 'examples/broken/21-silence.yaml'
  await apply(lab, file)
  const asked = ['broken-21', '--timeout', '1', '--for', 'broken-21/client', 'http://web/']
  await finds(lab, asked, [])
  const address = (await lab.json<Pod>('get', 'pod', 'web', '-n', 'broken-21')).status?.podIP ?? ''
  await whileBroken(lab, 'node2', ['drop', address], ['undo'], async () => {
    // A machine with much to do may not report each rule.
    const { findings } = await lab.until(
      'the rule is seen',
      () => diagnose(lab, ...asked),
      ({ request }) => request?.verdict === 'dropped',
    )
    assert.deepEqual(
      findings.map(({ number, code, object: { kind, name } }) => `${number} ${code} ${kind}/${name}`),
      ['21 Silence Node/node2'],
    )
    assert.match(
      findings[0]?.say ?? '',
      /^nobody said anything within 1 s.*: a rule of node2 threw it away without a word \(somebody-else guard/,
    )
    const { fix = '' } = findings[0] ?? {}
    const rules = await mend(lab, findings[0])
    const [, table = '', chain = ''] = /; it is in table (\S+), chain (\S+)$/.exec(fix) ?? []
    const [, handle] = /drop # handle (\d+)/.exec(rules.slice(rules.indexOf(`table ip ${table} `))) ?? []
    await onNode(lab, 'node2', 'nft', 'delete', 'rule', 'ip', table, chain, 'handle', handle ?? '')
    await finds(lab, asked, [])
    await delivered(lab, 'broken-21/client', 'http://web/')
  })
  await remove(lab, file)
})
