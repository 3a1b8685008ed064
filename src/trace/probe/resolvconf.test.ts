import assert from 'node:assert/strict'
import { test } from 'node:test'
import { candidates, inHosts, parseResolvConf } from './resolvconf.ts'

const pod = `search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 100.64.0.10
options ndots:5
`

test('a pod’s resolv.conf is read as the C library reads it', () => {
  assert.deepEqual(parseResolvConf(pod), {
    servers: ['100.64.0.10'],
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    ndots: 5,
    timeout: 5,
    attempts: 2,
    noAaaa: false,
  })
  assert.deepEqual(
    parseResolvConf('nameserver x\n# nameserver 1.1.1.1\noptions ndots:99 attempts:0 rotate\ndomain a.\n'),
    {
      servers: [],
      search: ['a'],
      ndots: 15,
      timeout: 5,
      attempts: 1,
      noAaaa: false,
    },
  )
})

test('a resolver can be told to ask for IPv4 only', () => {
  assert.equal(parseResolvConf('options no-aaaa\n').noAaaa, true)
})

test('ndots decides whether a name is tried as it is first or last', () => {
  const conf = parseResolvConf(pod)
  const searched = (name: string): string[] => conf.search.map((domain) => `${name}.${domain}`)
  assert.deepEqual(candidates('web', conf), [...searched('web'), 'web'])
  assert.deepEqual(candidates('web.shop.svc.cluster.local', conf), [
    ...searched('web.shop.svc.cluster.local'),
    'web.shop.svc.cluster.local',
  ])
  assert.deepEqual(candidates('a.b.c.d.e.f', conf)[0], 'a.b.c.d.e.f')
  assert.deepEqual(candidates('web.', conf), ['web'])
})

test('names in the hosts file need no server', () => {
  const hosts = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n100.96.1.2\tclient.x client # me\n'
  assert.equal(inHosts(hosts, 'Client'), '100.96.1.2')
  assert.equal(inHosts(hosts, 'localhost.'), '127.0.0.1')
  assert.equal(inHosts(hosts, 'ip6-localhost'), undefined)
  assert.equal(inHosts(hosts, 'me'), undefined)
})
