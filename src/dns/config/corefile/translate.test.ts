import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { clusterDefaults, type DnsConfig, forwardDefaults } from '../config.ts'
import { printConfig, readConfig } from '../file.ts'
import { printMistakes } from '../spot.ts'
import type { Outside } from './draft.ts'
import { translateCorefile } from './translate.ts'

const outside: Outside = {
  read(path) {
    if (path !== '/etc/resolv.conf') throw new Error(`there is no ${path}`)
    return 'nameserver 192.0.2.1\n'
  },
  glob: (pattern) => (pattern.includes('taken') ? ['/etc/coredns/taken/a.server'] : []),
  env: (name) => (name === 'ZONE' ? 'env.local' : undefined),
  ipv6: false,
}
const fixtures = join(import.meta.dirname, 'fixtures')
const fixture = (name: string): string => readFileSync(join(fixtures, name), 'utf8')

const upstream = { ...forwardDefaults, to: [{ address: '192.0.2.1', port: 53 }] }
/** What all of the fixtures say. */
const common = {
  ...clusterDefaults,
  queryLog: 'errors',
  cache: { size: 2 * 9984, positive: 30, negative: 30, serveStale: 0 },
  forward: upstream,
}

test("kubeadm's Corefile is this server's usual configuration", () => {
  assert.deepEqual(configOf(fixture('kubeadm')), { ...common, lameDuck: 5 })
  assert.deepEqual(notesOf(fixture('kubeadm')), [])
})

test("k3s' Corefile has names of nodes in a file, and imports that nobody uses", () => {
  assert.deepEqual(configOf(fixture('k3s')), {
    ...common,
    ttl: 5,
    lameDuck: 0,
    hosts: { entries: [], file: '/etc/coredns/NodeHosts', ttl: 60 },
  })
  assert.deepEqual(notesOf(fixture('k3s')), [
    '11: the file is read when it changes',
    '19: there is no /etc/coredns/custom/*.override',
    '22: there is no /etc/coredns/custom/*.server',
  ])
})

test("EKS' Corefile says no ttl, which is 5 s then", () => {
  assert.deepEqual(configOf(fixture('eks')), { ...common, ttl: 5, lameDuck: 5 })
})

test('server blocks of domains are stub domains, with one cache and one port for all', () => {
  const { ready: _, ...unready } = common
  const dns = (serverName: string, address: string): unknown => ({ address, port: 853, tls: { serverName } })
  const office = {
    ...forwardDefaults,
    to: [
      { address: '10.150.0.1', port: 53 },
      { address: '10.150.0.2', port: 5353 },
    ],
    forceTcp: true,
  }
  assert.deepEqual(configOf(fixture('stub-domains')), {
    ...unready,
    ttl: 5,
    lameDuck: 0,
    autopath: true,
    hosts: { entries: [{ address: '10.1.2.3', names: ['db.acme.local'] }], ttl: 3600 },
    stub: [
      { domain: 'corp.example', forward: office },
      { domain: '10.in-addr.arpa', forward: office },
      { domain: 'acme.local', forward: { ...forwardDefaults, to: [{ address: '1.2.3.4', port: 53 }] } },
    ],
    forward: {
      ...forwardDefaults,
      to: [dns('dns.google', '8.8.8.8'), dns('dns.google', '8.8.4.4')],
      policy: 'sequential',
      maxFails: 3,
      healthInterval: 5000,
      except: ['corp.example', 'lab.example'],
    },
    cache: { ...common.cache, serveStale: 3600 },
  })
  assert.deepEqual(notesOf(fixture('stub-domains')), [
    '6: external names are resolved by this server itself',
    '32: there is one cache for all names; line 16 says how long answers are kept',
    '33: names of acme.local that are not listed go on to forward, which is as with fallthrough',
  ])
})

test("a reverse zone that does not fall through is the cluster's alone", () => {
  const reverse = (line: string): unknown => {
    const { reverse } = configOf(`. {\n kubernetes ${line}\n}\n`)
    return reverse.map(({ address, prefix }) => `${address}/${prefix}`)
  }
  assert.deepEqual(reverse('cluster.local'), [])
  assert.deepEqual(reverse('cluster.local in-addr.arpa ip6.arpa'), ['0.0.0.0/0', '::/0'])
  assert.deepEqual(reverse('cluster.local in-addr.arpa ip6.arpa {\n fallthrough ip6.arpa\n }'), ['0.0.0.0/0'])
  assert.deepEqual(reverse('cluster.local 96.10.in-addr.arpa 10.0.0.0/8 {\n fallthrough 10.in-addr.arpa\n }'), [])
  assert.deepEqual(reverse('cluster.local 96.10.in-addr.arpa 0.d.f.ip6.arpa'), ['10.96.0.0/16', 'fd00::/12'])
})

test("a block's zones are the plugin's when it names none, and the environment fills in names", () => {
  const text = `{$ZONE} in-addr.arpa {
  bind 169.254.20.10 "::1" # only here
  kubernetes { # nothing
  }
}
.:53 {
  forward . dns://9.9.9.9:5353
  log . {
    class error
  }
}
`
  const { zone, listen, queryLog, forward, cache, reverse } = configOf(text)
  assert.equal(zone, 'env.local')
  assert.deepEqual(listen, [
    { address: '169.254.20.10', port: 53 },
    { address: '::1', port: 53 },
  ])
  assert.deepEqual([queryLog, cache.size, reverse.length], ['errors', 0, 1])
  assert.deepEqual(forward?.to, [{ address: '9.9.9.9', port: 5353 }])
})

test('without an address both families are meant, where the machine has both', () => {
  const read = translateCorefile('. {\n kubernetes a.example\n health\n prometheus\n}\n', { ...outside, ipv6: true })
  assert.ok('config' in read)
  const { listen, health, metrics } = read.config
  assert.deepEqual(listen, [
    { address: '0.0.0.0', port: 53 },
    { address: '::', port: 53 },
  ])
  assert.deepEqual(health, { address: '::', port: 8080 })
  assert.deepEqual(metrics, { address: '127.0.0.1', port: 9153 })
})

test('what is not supported is refused by its line, and says what to write instead', () => {
  const text = `(snippet) {
  errors
}
.:53 {
  erors
  import snippet
  kubernetes cluster.local {
    namespaces shop
    pods some
    fallthrough
    ttl 30s
  }
  rewrite name foo.example foo.default.svc.cluster.local
  hosts {
    10.0.0.1
    10.0.0.2 db.example db.cluster.local
  }
  template IN A example {
    answer "{{ .Name }} 60 IN A 10.0.0.1"
  }
  forward . tls://9.9.9.9 dns.corp.example /etc/other {
    next NXDOMAIN
    frce_tcp
  }
  cache 30 other.example
  loadbalance weighted /etc/weights
  prometheus 9153
}
a.cluster.local:5353 {
  forward . 10.0.0.1
  whoami
}
tls://. {
}
import /etc/coredns/taken/*.server
`
  const read = translateCorefile(text, outside)
  assert.ok('mistakes' in read)
  assert.deepEqual(printMistakes('Corefile', read.mistakes).split('\n'), [
    'Corefile:1: (snippet): snippets are not supported; copy its lines to where they are imported',
    'Corefile:5: erors: CoreDNS has no such plugin; did you mean errors?',
    'Corefile:6: import: not supported; copy the lines of snippet here',
    'Corefile:8: kubernetes namespaces: not supported; names of all namespaces are answered',
    'Corefile:9: kubernetes pods: "some" is given; allowed is disabled, insecure or verified',
    "Corefile:10: kubernetes fallthrough: only reverse names fall through, names of the cluster's zone never do; write fallthrough in-addr.arpa ip6.arpa",
    'Corefile:11: kubernetes ttl: "30s" is given; allowed is a whole number from 0 to 3600',
    'Corefile:13: rewrite: not supported; a Service of type ExternalName gives a name another one, `hosts` gives it an address',
    'Corefile:14: hosts: without fallthrough no other name would be answered; add the line fallthrough',
    'Corefile:15: hosts: "10.0.0.1" is given; allowed is an address and its names',
    'Corefile:16: hosts: "db.cluster.local" is given; names of cluster.local are those of the cluster\'s objects, make a Service of it',
    'Corefile:18: template: not supported; `hosts` gives single names an address; leave patterns to another name server',
    'Corefile:21: forward: whose certificate "tls://9.9.9.9" has to show is not said; write tls://ADDRESS%NAME, or tls_servername NAME in its block',
    'Corefile:21: forward: "dns.corp.example" is given; allowed is an address with or without a port, or a file such as /etc/resolv.conf',
    'Corefile:21: forward: /etc/other cannot be read: there is no /etc/other',
    'Corefile:22: forward next: not supported; one name server speaks for a domain',
    'Corefile:23: forward frce_tcp: CoreDNS has no such property',
    'Corefile:25: cache: "other.example" is given; allowed is no domain: all names outside the cluster are kept',
    'Corefile:26: loadbalance: not supported; addresses come in a new order each time, none before others',
    'Corefile:27: prometheus: "9153" is given; allowed is an address and a port, such as :8080 or 127.0.0.1:8080',
    'Corefile:29: port 5353 is given; allowed is one port for all server blocks, which is 53 already',
    'Corefile:30: forward: names of cluster.local are known here and asked nowhere else; take the line out',
    'Corefile:31: whoami: not supported; take the line out',
    'Corefile:33: tls://.: questions come over UDP and TCP only; take the server block out',
    'Corefile:35: import: not supported; copy the lines of /etc/coredns/taken/a.server here',
  ])
})

test('what does not parse is refused by its line', () => {
  const say = (text: string): string => {
    const read = translateCorefile(text, outside)
    return 'mistakes' in read ? printMistakes('f', read.mistakes) : 'good'
  }
  assert.equal(say('. {\n errors\n'), 'f:1: the block that begins here has no end; put } after it')
  assert.equal(say('}\n'), 'f:1: "}" ends a block that has not begun')
  assert.equal(say('.\nerrors\n').split('\n')[0], 'f:1: "." is no server block; put what belongs to it between { and }')
  assert.equal(
    say('. {\n kubernetes a.b\n cache 30\n cache 10\n}'),
    'f:4: cache: line 3 has it already; allowed is one in a server block',
  )
  assert.match(say(''), /^f:1: no server block has the plugin kubernetes; add kubernetes cluster\.local/)
  assert.match(
    say('. {\n kubernetes a.b\n kubernetes c.d\n}'),
    /f:3: kubernetes: line 2 has it already; allowed is one/,
  )
})

test('any text is a configuration that can be printed, or a list of mistakes', () => {
  const numbers = ['0', '99999999999', '-1', '1.5h', '1000h', '1ns', '5ms', ':0', ':99999', '0.0.0.0/0'].flatMap(
    (one) => [`${one} `, `${one}\n`],
  )
  const words = [...readdirSync(fixtures).flatMap((name) => fixture(name).split(/(?<=\s)/)), ...numbers, ...numbers]
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...words, '{\n', '}\n', '"', '\\"', '#', '{$A}', '\n')).map((all) => all.join('')),
    // A good one that has lost or doubled some words.
    fc.constantFrom(...readdirSync(fixtures)).chain((name) => {
      const all = fixture(name).split(/(?<=\s)/)
      return fc
        .array(fc.tuple(fc.nat(all.length - 1), fc.constantFrom('', ...words)), { maxLength: 4 })
        .map((changes) => all.map((word, at) => changes.find(([where]) => where === at)?.[1] ?? word).join(''))
    }),
  )
  fc.assert(
    fc.property(text, (any) => {
      const read = translateCorefile(any, outside)
      if ('config' in read) assert.deepEqual(readConfig(printConfig(read.config), outside), { config: read.config })
      else assert.ok(read.mistakes.length > 0 && read.mistakes.every(({ line, say }) => line >= 1 && say !== ''))
    }),
    { numRuns: 3000 },
  )
})

function configOf(text: string): DnsConfig {
  const read = translateCorefile(text, outside)
  if ('mistakes' in read) throw new Error(printMistakes('Corefile', read.mistakes))
  return read.config
}

function notesOf(text: string): string[] {
  const read = translateCorefile(text, outside)
  return ('notes' in read ? (read.notes ?? []) : []).map(({ line, say }) => `${line}: ${say}`)
}
