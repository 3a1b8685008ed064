import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CniError } from './error.ts'
import type { OwnPlan } from './ipam-plan.ts'
import { type Network, readNetwork } from './network.ts'
import { readResult } from './result.ts'

const read = (more: object, args: Record<string, string> = {}): Network =>
  readNetwork({ cniVersion: '1.1.0', name: 'pods', fields: more as never }, new Map(Object.entries(args)))
const ownOf = ({ ipam }: Network): OwnPlan => (ipam.kind === 'own' ? ipam : assert.fail('of another plugin'))
const ipam = { type: 'host-local', subnet: '10.22.0.0/24' }

test('a configuration of the reference bridge and host-local reads as it is meant there', () => {
  const network = read({
    cniVersion: '1.1.0',
    name: 'pods',
    type: 'kubehop',
    bridge: 'cni0',
    isGateway: true,
    mtu: 1400,
    promiscMode: false,
    hairpinMode: false,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.22.0.0/16', rangeStart: '10.22.1.20', rangeEnd: '10.22.3.50', gateway: '10.22.0.254' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '192.168.0.0/16', gw: '10.22.5.5', priority: 7 }],
    },
  })
  assert.deepEqual(ownOf(network).sets[0]?.[0]?.pool, {
    first: '10.22.1.20',
    last: '10.22.3.50',
    gateway: '10.22.0.254',
  })
  assert.deepEqual(
    ownOf(network).routes.map(({ via, priority }) => [via, priority]),
    [
      [undefined, undefined],
      ['10.22.5.5', 7],
    ],
  )
  assert.deepEqual(
    [network.bridge, network.isGateway, network.mtu, network.hairpinMode, network.dataDir],
    ['cni0', true, 1400, false, '/run/kubehop/cni'],
  )
})

test('ranges that cannot be are refused, and the range is named', () => {
  for (const [ranges, word] of [
    [[[{ subnet: '10.0.0.0/31' }]], /10\.0\.0\.0\/31 is too small/],
    [[[{ subnet: '10.0.0.1/24' }]], /"10\.0\.0\.1\/24", not a range.*host bits zero/],
    [[[{ subnet: '10.0.0.0/24' }, { subnet: '10.0.0.128/25' }]], /10\.0\.0\.0\/24 and 10\.0\.0\.128\/25 overlap/],
    [[[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.0.0/16' }]], /overlap/],
    [
      [[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]],
      /fd00::\/64 is in a set with ranges of the other IP family/,
    ],
    [[[]], /empty set/],
    [[], /neither a subnet nor ranges/],
    [[{ subnet: '10.0.0.0/24' }], /not a list/],
    [[[{ subnet: '10.0.0.0/24', rangeStart: '10.0.1.1' }]], /rangeStart is "10\.0\.1\.1"/],
    [[[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.0' }]], /rangeStart is "10\.0\.0\.0"/],
    [[[{ subnet: '10.0.0.0/24', rangeEnd: '10.0.0.255' }]], /rangeEnd is "10\.0\.0\.255"/],
    [[[{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.8' }]], /is no range/],
    [[[{ subnet: '10.0.0.0/24', rangeEnd: '10.0.0.1' }]], /the gateway's/],
    [[[{ subnet: '10.0.0.0/24', rangestart: '10.0.0.1' }]], /no ipam\.ranges\[0\]\[0\]\.rangestart/],
  ] as const)
    assert.throws(() => read({ ipam: { ranges } }), { name: 'CniError', message: word }, JSON.stringify(ranges))
})

test('what is not built is refused by name, never passed over', () => {
  for (const [more, word] of [
    [{ ipMasqBackend: 'iptables' }, /no ipMasqBackend, which is "iptables"/],
    [{ vlan: 7 }, /vlan needs a bridge that filters VLANs/],
    [{ vlanTrunk: [{ id: 7 }] }, /vlanTrunk needs a bridge/],
    [{ conditionsV4: ['-s', '10.0.0.0/8'] }, /no conditionsV4/],
    [{ runtimeConfig: { aliases: { pods: ['a'] } } }, /no runtimeConfig\.aliases/],
    [{ unshapedSubnets: ['10.0.0.0/8'] }, /no unshapedSubnets/],
    [{ ipam: { ...ipam, exclude: ['10.22.0.7'] } }, /no ipam\.exclude/],
    [{ ipam: { ...ipam, routes: [{ dst: '0.0.0.0/0', metric: 7 }] } }, /no ipam\.routes\[0\]\.metric/],
  ] as const)
    assert.throws(() => read({ ipam, ...more }), { name: 'CniError', code: 2, message: word }, JSON.stringify(more))
})

test('fields of the wrong kind are refused with their path', () => {
  for (const [more, word] of [
    [{ bridge: 7 }, /bridge is 7, not a text/],
    [{ bridge: 'a/b' }, /bridge is "a\/b"/],
    [{ isGateway: 'yes' }, /isGateway is "yes", not true or false/],
    [{ mtu: 60 }, /mtu is 60, not a whole number from 68/],
    [{ dataDir: 'run' }, /dataDir is "run", not an absolute path/],
    [{ ipam: [] }, /ipam is \[\], not an object/],
    [
      { ipam: { ...ipam, routes: [{ dst: 'fd00::/8' }] } },
      /routes\[0\]\.dst is fd00::\/8, and pods have IPv4 addresses only/,
    ],
    [
      { ipam: { ...ipam, routes: [{ dst: '10.0.0.5/8' }] } },
      /routes\[0\]\.dst is "10\.0\.0\.5\/8", not a range, its host bits zero/,
    ],
    [{ ipam: { ...ipam, routes: [{ dst: '10.0.0.0/8', gw: '10.22.0.1', scope: 253 }] } }, /scope is 253/],
    [{ ipam: { ...ipam, resolvConf: 'resolv.conf' } }, /resolvConf is "resolv\.conf", not an absolute path/],
    [{ ipam: { ...ipam, dataDir: 7 } }, /ipam\.dataDir is 7, not an absolute path/],
    [{ ipamTimeout: 0 }, /ipamTimeout is 0, not a whole number from 1 to 600/],
    [{ mtu: 1000, ipam: { subnet: 'fd00::/64' } }, /mtu is 1000, not a whole number from 1280/],
    [{ ipam: { ...ipam, routes: [{ dst: '0.0.0.0/0', gw: '9.9.9.9' }] } }, /gw is "9\.9\.9\.9"/],
    [{ runtimeConfig: { ips: ['10.0.0'] } }, /runtimeConfig\.ips is "10\.0\.0"/],
    [{ runtimeConfig: { mac: '01:00:00:00:00:01' } }, /mac is "01:/],
  ] as const)
    assert.throws(() => read({ ipam, ...more }), { name: 'CniError', code: 7, message: word }, JSON.stringify(more))
})

test('a gateway or a start of a range without its subnet is not passed over', () => {
  const ranges = [[{ subnet: '10.0.0.0/24' }]]
  assert.throws(() => read({ ipam: { ranges, gateway: '10.0.0.254' } }), {
    code: 7,
    message: /ipam\.subnet is missing/,
  })
})

test('whatever JSON a configuration or a result is, it is read, or refused with a CNI error', () => {
  const keys = fc.constantFrom(
    'ipam',
    'args',
    'runtimeConfig',
    'mtu',
    'bridge',
    'dns',
    'cni',
    'ips',
    'interfaces',
    'routes',
    'ranges',
    'subnet',
    'dst',
    'portMappings',
    'hostPort',
    'containerPort',
    'hostIP',
    'protocol',
    'bandwidth',
    'ingressRate',
    'ingressBurst',
    'snat',
    'promiscMode',
    'isGateway',
  )
  const { tree } = fc.letrec<{ tree: unknown; leaf: unknown; list: unknown; object: unknown }>((tie) => ({
    leaf: fc.oneof(fc.jsonValue(), fc.constantFrom('10.0.0.0/24', 'fd00::/64', '10.0.0.1/24', '')),
    list: fc.array(tie('tree'), { maxLength: 3 }),
    object: fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
    tree: fc.oneof({ depthSize: 'medium' }, tie('leaf'), tie('list'), tie('object')),
  }))
  const survives = (body: () => unknown): void => {
    try {
      body()
    } catch (error) {
      assert.ok(error instanceof CniError, String(error))
    }
  }
  fc.assert(
    fc.property(fc.dictionary(keys, tree, { maxKeys: 6 }), fc.string(), (fields, args) => {
      survives(() => read(fields, { IP: args, MAC: args }))
      survives(() => read({ ...fields, ipam }, {}))
      survives(() => readResult(fields))
    }),
    { numRuns: 500 },
  )
})

test('a field that is meant, but written otherwise or elsewhere, is told', () => {
  const say = (more: object, message: RegExp): void =>
    assert.throws(() => read({ ipam, ...more }), { code: 2, message })
  say({ brigde: 'x' }, /^this plugin has no brigde, which is "x": did you mean bridge\?$/)
  say({ isgateway: true }, /did you mean isGateway\?$/)
  say({ ipam: { ...ipam, subnets: 'x' } }, /has no ipam\.subnets, .*: did you mean ipam\.subnet\?$/)
  say({ color: 'red' }, /^this plugin has no color, which is "red"$/)
  say({ bandwidth: { ingressRate: 8 } }, /^bandwidth comes from the runtime, .*"capabilities": \{"bandwidth": true\}/)
})
