import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressFromBytes, type Cidr, parseCidr } from '../../base/address.ts'
import { check } from './check.ts'
import { clusterDefaults, type DnsConfig, type ForwardConfig, forwardDefaults } from './config.ts'
import { printConfig, readConfig } from './file.ts'
import { type Files, printMistakes } from './spot.ts'

const files: Files = {
  read(path) {
    if (path !== '/etc/resolv.conf') throw new Error(`there is no ${path}`)
    return 'search example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n'
  },
}

test('an empty file is the configuration of every cluster', () => {
  assert.deepEqual(readConfig('', files), { config: clusterDefaults })
  assert.deepEqual(readConfig('# nothing yet\n', files), { config: clusterDefaults })
})

test('options are written as people would', () => {
  const text = `
zone: Cluster.Local.
ttl: 1m30s
reverse: [10.96.0.0/12, "fd00::/108"]
hosts: {entries: [10.1.2.3 DB.corp.example db], ttl: 1m}
stub:
  corp.example: [10.1.0.53, "[fd00::53]:5353"]
  lab.example: {to: tls://9.9.9.9#dns.quad9.net, timeout: 500ms}
forward: /etc/resolv.conf
health: off
lameDuck: 5s
`
  const read = readConfig(text, files)
  assert.ok('config' in read, JSON.stringify(read))
  const forward = (...to: unknown[]): unknown => ({ ...forwardDefaults, to })
  const { health: _, ...others } = clusterDefaults
  assert.deepEqual(read.config, {
    ...others,
    zone: 'cluster.local',
    ttl: 90,
    reverse: [parseCidr('10.96.0.0/12'), parseCidr('fd00::/108')],
    hosts: { entries: [{ address: '10.1.2.3', names: ['db.corp.example', 'db'] }], ttl: 60 },
    stub: [
      {
        domain: 'corp.example',
        forward: forward({ address: '10.1.0.53', port: 53 }, { address: 'fd00::53', port: 5353 }),
      },
      {
        domain: 'lab.example',
        forward: {
          ...forwardDefaults,
          to: [{ address: '9.9.9.9', port: 853, tls: { serverName: 'dns.quad9.net' } }],
          timeout: 500,
        },
      },
    ],
    forward: forward({ address: '192.0.2.1', port: 53 }, { address: '2001:db8::1', port: 53 }),
    lameDuck: 5,
  })
})

test('all that is wrong is told at once, with its line, what was given and what is allowed', () => {
  const text = `tttl: 30
ttl: 30
listen: [0.0.0.0:53, 1.2.3.4]
forward:
  to:
    - tls://9.9.9.9
    - /etc/other
  polcy: random
stub:
  corp.example: {}
cache: 5
autopath: yes
lameDuck: 500ms
`
  const read = readConfig(text, files)
  assert.ok('mistakes' in read)
  const server =
    'a name server, such as 9.9.9.9, 9.9.9.9:5353, "[2620:fe::fe]:53", tls://9.9.9.9#dns.quad9.net, or a file such as /etc/resolv.conf'
  assert.deepEqual(printMistakes('dns.yaml', read.mistakes).split('\n'), [
    'dns.yaml:1: tttl: there is no option "tttl"; did you mean ttl?',
    'dns.yaml:2: ttl: "30" is given; allowed is whole seconds with the unit, such as 30s, from 0s to 1h',
    'dns.yaml:3: listen[1]: "1.2.3.4" is given; allowed is an address and a port, such as 0.0.0.0:53 or "[::]:53"',
    `dns.yaml:6: forward.to[0]: "tls://9.9.9.9" is given; allowed is ${server}`,
    'dns.yaml:7: forward.to[1]: /etc/other cannot be read: there is no /etc/other',
    'dns.yaml:8: forward.polcy: there is no option "polcy"; did you mean policy?',
    `dns.yaml:10: stub.corp.example.to: nothing is given; allowed is a list, each ${server}`,
    'dns.yaml:11: cache: "5" is given; allowed is a map of size, positive, negative, serveStale',
    'dns.yaml:12: autopath: "yes" is given; allowed is true or false',
    'dns.yaml:13: lameDuck: "500ms" is given; allowed is whole seconds with the unit, such as 5s, from 0s to 10m',
  ])
})

test('what does not go together is told when each option for itself is right', () => {
  const text = `ready: 0.0.0.0:8080
stub:
  corp.example: 10.0.0.1
  a.cluster.local: 10.0.0.1
listen: []
hosts:
  entries:
    - 10.0.0.1 a.example
    - 10.0.0.2 b.cluster.local
`
  const read = readConfig(text, files)
  assert.ok('mistakes' in read)
  assert.deepEqual(
    read.mistakes.map(({ line, path }) => [line, path]),
    [
      [1, 'ready'],
      [4, 'stub.a.cluster.local'],
      [5, 'listen'],
      [9, 'hosts.entries[1]'],
    ],
  )
})

test('two places that cannot be had at once are told', () => {
  const wrong = (text: string): string[] => {
    const read = readConfig(text, files)
    return 'mistakes' in read ? read.mistakes.map(({ say }) => say) : []
  }
  assert.deepEqual(wrong('listen: [0.0.0.0:53, 127.0.0.1:53]'), [
    '127.0.0.1:53 is given, but listen has 0.0.0.0:53 already; allowed is a free one',
  ])
  assert.deepEqual(wrong('listen: [0.0.0.0:53, "[::]:53"]'), [])
  assert.equal(wrong('{health: "[::]:80", ready: 0.0.0.0:80}').length, 1)
  assert.equal(wrong('health: 127.0.0.1:8181').length, 1)
  assert.deepEqual(wrong('listen: [127.0.0.1:53, "[::1]:53", 127.0.0.1:0, 127.0.0.1:0]'), [])
})

test('text that is no such YAML is a mistake with a line', () => {
  const say = (text: string): string[] => {
    const read = readConfig(text, files)
    return 'mistakes' in read ? read.mistakes.map((one) => `${one.line}: ${one.say}`) : []
  }
  assert.deepEqual(say('zone: a\n---\nzone: b\n'), ['2: a second document begins here; allowed is one'])
  assert.deepEqual(say('zone: a\nzone: b\n'), ['2: Map keys must be unique'])
  assert.match(say('self: &a b.c\nzone: *a\n').join(), /^2: the alias \*a is given; allowed is a domain name/)
  assert.equal(say('['.repeat(2_000)).length, 1)
  assert.equal(say('['.repeat(20_000)).length, 1)
  assert.match(say('- zone\n').join(), /^1: a list is given; allowed is a map of zone, ttl/)
})

test('any configuration that is printed is read as the same', () => {
  fc.assert(
    fc.property(anyConfig, (config) => {
      assert.deepEqual(readConfig(printConfig(config), files), { config })
    }),
  )
})

test('any text is a configuration or a list of mistakes', () => {
  const words = fc.constantFrom(...printConfig(clusterDefaults).split(/(?<=[: \n])/), '&a ', '*a', '- ', '\t', '!!map ')
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(words).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, (any) => {
      const read = readConfig(any, files)
      if ('config' in read) assert.deepEqual(readConfig(printConfig(read.config), files), read)
      else assert.ok(read.mistakes.length > 0 && read.mistakes.every(({ line, say }) => line >= 1 && say !== ''))
    }),
    { numRuns: 2000 },
  )
})

const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,9}[a-z0-9_])?$/)
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const dnsLabel = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?$/)
const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(addressFromBytes)
const place = fc.record({ address, port: fc.nat(0xffff) })
const tls = fc.record({ serverName: domain })
const upstream = fc.record({ address, port: fc.nat(0xffff), tls }, { requiredKeys: ['address', 'port'] })
const forward: fc.Arbitrary<ForwardConfig> = fc.record({
  to: fc.array(upstream, { minLength: 1, maxLength: 3 }),
  policy: fc.constantFrom('random', 'round_robin', 'sequential'),
  timeout: fc.integer({ min: 10, max: 60_000 }),
  healthInterval: fc.integer({ min: 10, max: 3_600_000 }),
  maxFails: fc.nat(1_000_000),
  maxConcurrent: fc.integer({ min: 1, max: 1_000_000 }),
  except: fc.array(domain),
  forceTcp: fc.boolean(),
})
const range = fc.constantFrom('10.0.0.0/8', '0.0.0.0/0', 'fd00::/108', '::/0', '192.0.2.1/32').map(parseCidr)
const count = fc.integer({ min: 1, max: 1_000_000 })
const hosts = fc.record(
  {
    entries: fc.array(fc.record({ address, names: fc.array(domain, { minLength: 1, maxLength: 3 }) }), {
      maxLength: 3,
    }),
    file: fc.string().map((text) => `/${text}`),
    ttl: fc.nat(86_400),
  },
  { requiredKeys: ['entries', 'ttl'] },
)
const anyConfig: fc.Arbitrary<DnsConfig> = fc
  .record(
    {
      zone: domain,
      ttl: fc.nat(3600),
      pods: fc.constantFrom('disabled', 'insecure', 'verified'),
      reverse: fc.array(range as fc.Arbitrary<Cidr>, { maxLength: 3 }),
      self: fc.tuple(dnsLabel, dnsLabel).map((both) => both.join('.')),
      listen: fc.array(place, { minLength: 1, maxLength: 3 }),
      hosts,
      stub: fc.uniqueArray(fc.record({ domain, forward }), { maxLength: 3, selector: (one) => one.domain }),
      forward,
      cache: fc.record({
        size: fc.nat(10_000_000),
        positive: fc.nat(86_400),
        negative: fc.nat(86_400),
        serveStale: fc.nat(604_800),
      }),
      autopath: fc.boolean(),
      queryLog: fc.constantFrom('off', 'errors', 'all'),
      health: place,
      ready: place,
      metrics: place,
      lameDuck: fc.nat(600),
      workers: fc.integer({ min: 1, max: 64 }),
      limits: fc.record({
        tcpConnections: count,
        tcpPerClient: count,
        tcpIdle: fc.integer({ min: 1, max: 3600 }),
        inFlightPerClient: count,
      }),
    },
    {
      requiredKeys: [
        ...(['zone', 'ttl', 'pods', 'reverse', 'self', 'listen', 'stub', 'cache', 'autopath', 'queryLog'] as const),
        ...(['lameDuck', 'workers', 'limits'] as const),
      ],
    },
  )
  // Without it some objects have no prototype.
  .map((config) => structuredClone(config))
  .filter((config) => check(config).length === 0)
