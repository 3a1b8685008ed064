import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Pod, PodSpec } from '../../api/objects/pod.ts'
import { address } from '../../base/address.ts'
import { hostnameOf, hostsFile, type ResolvConfInput, resolvConf } from './files.ts'

const nodeConf = '# made by hand\nnameserver 9.9.9.9\nsearch lan. example.test\noptions timeout:1 edns0\n'
const input: ResolvConfInput = {
  namespace: 'shop',
  zone: 'cluster.local',
  clusterDns: [address('100.64.0.10')],
  nodeConf,
}

test('each DNS policy gives the resolv.conf that kubelet gives', () => {
  const cluster =
    'search shop.svc.cluster.local svc.cluster.local cluster.local lan example.test\n' +
    'nameserver 100.64.0.10\noptions ndots:5\n'
  const node = 'search lan example.test\nnameserver 9.9.9.9\noptions timeout:1 edns0\n'
  const rows: [string, Partial<ResolvConfInput>, string][] = [
    ['the default is ClusterFirst', {}, cluster],
    ['ClusterFirst', { policy: 'ClusterFirst' }, cluster],
    ['ClusterFirst in the network of the node', { policy: 'ClusterFirst', hostNetwork: true }, node],
    ['ClusterFirstWithHostNet', { policy: 'ClusterFirstWithHostNet', hostNetwork: true }, cluster],
    ['Default', { policy: 'Default' }, node],
    ['None without dnsConfig', { policy: 'None' }, ''],
    [
      'None',
      { policy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'rotate' }] } },
      'search a.b\nnameserver 1.1.1.1\noptions rotate\n',
    ],
    [
      'dnsConfig adds servers and searches once, and replaces options',
      {
        dnsConfig: {
          nameservers: ['100.64.0.10', '8.8.8.8'],
          searches: ['lan', 'more.test'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      'search shop.svc.cluster.local svc.cluster.local cluster.local lan example.test more.test\n' +
        'nameserver 100.64.0.10\nnameserver 8.8.8.8\noptions ndots:2 edns0\n',
    ],
    [
      'no value can write a line of its own',
      {
        policy: 'None',
        dnsConfig: {
          nameservers: ['1.1.1.1\nnameserver 6.6.6.6', '::1'],
          searches: ['a b', 'ok\nsearch evil'],
          options: [{ name: 'ndots', value: '1\nx' }],
        },
      },
      'nameserver ::1\n',
    ],
  ]
  for (const [title, changed, text] of rows)
    assert.deepEqual(resolvConf({ ...input, ...changed }), { text, warnings: [] }, title)
})

test('what exceeds the limits of resolvers is cut, with the message of a DNSConfigForming event', () => {
  const servers = resolvConf({ ...input, dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'] } })
  assert.deepEqual(servers.warnings, [
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 100.64.0.10 1.1.1.1 2.2.2.2',
  ])
  assert.ok(!servers.text.includes('3.3.3.3'))

  const many = resolvConf({ ...input, dnsConfig: { searches: Array.from({ length: 40 }, (_, n) => `d${n}`) } })
  assert.equal(searchesOf(many.text).length, 32)
  assert.match(many.warnings[0] ?? '', /^Search Line limits were exceeded, .* search line is: shop\.svc\./)

  const long = resolvConf({
    ...input,
    dnsConfig: { searches: ['x'.repeat(254), ...Array.from({ length: 20 }, (_, n) => `${n}.${'y'.repeat(120)}`)] },
  })
  assert.ok(searchesOf(long.text).join(' ').length <= 2048)
  assert.equal(long.warnings.length, 1)
})

test('a node without a cluster DNS address falls back to its own file and says so', () => {
  const { text, warnings } = resolvConf({ ...input, clusterDns: [] })
  assert.match(text, /nameserver 9\.9\.9\.9/)
  assert.equal(warnings.length, 1)
})

test('any dnsConfig gives lines that a resolver can read', () => {
  const words = fc.array(fc.oneof(fc.string(), fc.domain(), fc.ipV4(), fc.ipV6()), { maxLength: 50 })
  fc.assert(
    fc.property(words, words, (nameservers, searches) => {
      const lines = resolvConf({ ...input, dnsConfig: { nameservers, searches } }).text.split('\n')
      assert.equal(lines.pop(), '')
      for (const line of lines) assert.match(line, /^(nameserver [0-9a-f.:]+|(search|options) \S.*)$/i)
      assert.ok(lines.filter((line) => line.startsWith('nameserver')).length <= 3)
    }),
  )
})

test('hosts holds localhost, the pod by its short and whole name, and the aliases', () => {
  const head =
    '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' +
    'fe00::\tip6-localnet\nfe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n'
  const pod = { podIPs: ['100.96.1.2', 'fd00::2'], hostname: 'web-0', namespace: 'shop', zone: 'cluster.local' }
  assert.equal(hostsFile(pod), `${head}100.96.1.2\tweb-0\nfd00::2\tweb-0\n`)
  assert.equal(
    hostsFile({ ...pod, podIPs: ['100.96.1.2'], subdomain: 'web' }),
    `${head}100.96.1.2\tweb-0.web.shop.svc.cluster.local\tweb-0\n`,
  )
  const hostAliases = [
    { ip: '10.1.1.1', hostnames: ['a', 'b.test'] },
    { ip: '10.1.1.2\n6.6.6.6', hostnames: ['evil'] },
    { ip: '10.1.1.3', hostnames: ['x\n6.6.6.6 bank.test'] },
  ]
  const aliases = '\n# Entries added by HostAliases.\n10.1.1.1\ta\tb.test\n'
  assert.equal(hostsFile({ ...pod, podIPs: ['100.96.1.2'], hostAliases }), `${head}100.96.1.2\tweb-0\n${aliases}`)
  assert.equal(
    hostsFile({ ...pod, hostNetwork: true, nodeHosts: '127.0.0.1 node\n', hostAliases }),
    `# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n${aliases}`,
  )
})

test('a pod is called by spec.hostname or its own name, cut where the kernel would', () => {
  const rows: [string, Partial<PodSpec>, ReturnType<typeof hostnameOf>][] = [
    ['web', {}, { hostname: 'web', nodename: 'web' }],
    ['web', { hostname: 'front' }, { hostname: 'front', nodename: 'front' }],
    [`${'a'.repeat(62)}-b`, {}, { hostname: 'a'.repeat(62), nodename: 'a'.repeat(62) }],
    ['web', { subdomain: 'app' }, { hostname: 'web', nodename: 'web', domain: 'app.shop.svc.cluster.local' }],
    ['web', { setHostnameAsFQDN: true }, { hostname: 'web', nodename: 'web' }],
    [
      'web',
      { subdomain: 'app', setHostnameAsFQDN: true },
      { hostname: 'web', nodename: 'web.app.shop.svc.cluster.local', domain: 'app.shop.svc.cluster.local' },
    ],
  ]
  rows.push([
    'web',
    { hostNetwork: true, nodeName: 'node1', subdomain: 'app' },
    { hostname: 'node1', nodename: 'node1' },
  ])
  for (const [name, spec, expected] of rows) assert.deepEqual(hostnameOf(pod(name, spec), 'cluster.local'), expected)
  assert.throws(
    () => hostnameOf(pod('w'.repeat(50), { subdomain: 'app', setHostnameAsFQDN: true }), 'cluster.local'),
    /at most 64 characters/,
  )
})

function pod(name: string, spec: Partial<PodSpec>): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { containers: [], ...spec } }
}

function searchesOf(text: string): string[] {
  return /^search (.*)$/m.exec(text)?.[1]?.split(' ') ?? []
}
