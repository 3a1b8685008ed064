import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { check } from './13-external-name.ts'
import { service, view } from './testing.ts'

const named = (externalName: string, more: Partial<Service['spec']> = {}, name = 'other'): Service => ({
  ...service(name),
  spec: { type: 'ExternalName', externalName, ...more },
})
const found = (...services: Service[]) => check.find(view({ cluster: { services: [service('web'), ...services] } }))
const codes = (...services: Service[]): string[] => found(...services).map(({ code }) => code)

test('what an ExternalName names is looked at as DNS will', () => {
  const rows: [string, Service, string[]][] = [
    ['a name of the internet', named('api.example.com'), []],
    ['a host alone, which is no service', named('mail'), []],
    ['a service, in full', named('web.shop.svc.cluster.local'), []],
    ['with a dot at the end', named('web.shop.svc.cluster.local.'), []],
    ['an address', named('10.0.0.1'), ['ExternalNameIsAddress']],
    ['an IPv6 address', named('fd00::1'), ['ExternalNameIsAddress']],
    ['a service, in short', named('web.shop'), ['ExternalNameShort']],
    ['a service of its own namespace', named('web'), ['ExternalNameShort']],
    ['with svc', named('web.shop.svc'), ['ExternalNameShort']],
    ['a service that is not there', named('wbe.shop.svc.cluster.local'), ['ExternalNameNowhere']],
    ['a pod of a headless service', named('web-0.web.shop.svc.cluster.local'), []],
    ['ports that are the same', named('api.example.com', { ports: [{ port: 443, targetPort: 443 }] }), []],
    [
      'ports that nobody translates',
      named('api.example.com', { ports: [{ port: 80, targetPort: 8080 }] }),
      ['ExternalNamePort'],
    ],
    [
      'ports that nobody translates, of a service',
      named('web.shop.svc.cluster.local', { ports: [{ port: 5433, targetPort: 5432 }] }),
      ['ExternalNamePort'],
    ],
  ]
  for (const [title, one, expected] of rows) assert.deepEqual(codes(one), expected, title)
})

test('a short name is patched to the whole one; one that is elsewhere is said', () => {
  assert.deepEqual(found(named('web.shop'))[0]?.patch?.body, { spec: { externalName: 'web.shop.svc.cluster.local' } })
  assert.match(
    found(named('web.live.svc.cluster.local'))[0]?.fix ?? '',
    /a service web is in shop: web\.shop\.svc\.cluster\.local/,
  )
})

test('names that lead in a circle are named, each of them', () => {
  const one = named('two.shop.svc.cluster.local', {}, 'one')
  const two = named('one.shop.svc.cluster.local', {}, 'two')
  assert.deepEqual(codes(one, two), ['ExternalNameLoop', 'ExternalNameLoop'])
  assert.deepEqual(codes(named('self.shop.svc.cluster.local', {}, 'self')), ['ExternalNameLoop'])
  assert.deepEqual(codes(one, named('web.shop.svc.cluster.local', {}, 'two')), [])
})
