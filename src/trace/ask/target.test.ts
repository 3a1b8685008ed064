import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubehopError } from '../../base/errors.ts'
import { parseSource } from './source.ts'
import { parseTarget } from './target.ts'

test('a target is a URL, an object, a name or an address', () => {
  const name = (of: string): object => ({ kind: 'name', name: of })
  const object = (kind: string, of: string, namespace?: string): object => ({
    kind: 'object',
    object: { kind, name: of, ...(namespace !== undefined && { namespace }) },
  })
  const rows: [string, object][] = [
    ['http://web/', { protocol: 'http', host: name('web'), port: 80, path: '/' }],
    ['http://web', { protocol: 'http', host: name('web'), port: 80, path: '/' }],
    ['http://web?x=1', { protocol: 'http', host: name('web'), port: 80, path: '/?x=1' }],
    ['HTTP://web.shop:8080/a/b?c#d', { protocol: 'http', host: name('web.shop'), port: 8080, path: '/a/b?c' }],
    [
      'https://web.shop.svc.cluster.local./',
      { protocol: 'https', host: name('web.shop.svc.cluster.local.'), port: 443, path: '/' },
    ],
    ['pod/x', { protocol: 'tcp', host: object('pod', 'x'), port: undefined, path: '/' }],
    ['pod/x:8080', { protocol: 'tcp', host: object('pod', 'x'), port: 8080, path: '/' }],
    ['shop/svc/web:http', { protocol: 'tcp', host: object('service', 'web', 'shop'), port: 'http', path: '/' }],
    ['udp://svc/dns:53', { protocol: 'udp', host: object('service', 'dns'), port: 53, path: '/' }],
    ['node/node1:10250', { protocol: 'tcp', host: object('node', 'node1'), port: 10250, path: '/' }],
    ['icmp://node/node1', { protocol: 'icmp', host: object('node', 'node1'), port: undefined, path: '/' }],
    ['web:80', { protocol: 'tcp', host: name('web'), port: 80, path: '/' }],
    ['web', { protocol: 'tcp', host: name('web'), port: undefined, path: '/' }],
    ['100.96.1.2:80', { protocol: 'tcp', host: { kind: 'address', address: '100.96.1.2' }, port: 80, path: '/' }],
    ['tcp://[fd00::1]:80', { protocol: 'tcp', host: { kind: 'address', address: 'fd00::1' }, port: 80, path: '/' }],
    // Without brackets nothing of it is a port.
    ['fd00::1', { protocol: 'tcp', host: { kind: 'address', address: 'fd00::1' }, port: undefined, path: '/' }],
    ['fd00::1:80', { protocol: 'tcp', host: { kind: 'address', address: 'fd00::1:80' }, port: undefined, path: '/' }],
    ['http://fd00::1/', { protocol: 'http', host: { kind: 'address', address: 'fd00::1' }, port: 80, path: '/' }],
    ['icmp://web-1', { protocol: 'icmp', host: name('web-1'), port: undefined, path: '/' }],
    ['icmp://pod/x', { protocol: 'icmp', host: object('pod', 'x'), port: undefined, path: '/' }],
    ['sctp://svc/mme:36412', { protocol: 'sctp', host: object('service', 'mme'), port: 36412, path: '/' }],
    ['dns://web.shop', { protocol: 'dns', host: name('web.shop'), port: 53, path: '/' }],
  ]
  for (const [text, expected] of rows) assert.deepEqual(parseTarget(text), { ...expected, text }, text)
})

test('what is no target is refused with what would be one', () => {
  const bad = [
    '',
    'http://',
    'ftp://web/',
    'web:0',
    'web:65536',
    'web:-1',
    '300.1.1.1:80',
    'deploy/web',
    'http://a b/',
    'tcp://web/path',
    'icmp://web:80',
    'icmp://pod/x:http',
    'icmp://[fd00::1]:1',
  ]
  assert.throws(() => parseTarget('htpp://web/'), { message: /"htpp:\/\/" is not understood: .*; did you mean http/ })
  for (const text of [...bad, 'web..x:80', 'http://web/\r\nX: y', 'http://user@web/'])
    assert.throws(() => parseTarget(text), { code: 'Usage' }, JSON.stringify(text))
})

test('what is wrong with a target is said, and not all that could be one', () => {
  const rows: [string, RegExp][] = [
    ['web/', /"web\/": a path belongs to http:\/\/ only: write http:\/\/web\/, or web:PORT for a connection alone$/],
    ['web:80/', /write http:\/\/web:80\/, or web:80 for a connection alone$/],
    ['tcp://web/path', /a path belongs to http:\/\/ only: write http:\/\/web\/path/],
    ['http:/web', /two slashes follow http: write http:\/\/web$/],
    ['http://web:99999/', /there is no port 99999: ports end at 65535$/],
    ['web:0', /there is no port 0: ports begin at 1$/],
    ['300.1.1.1:80', /300\.1\.1\.1 is no IPv4 address$/],
    ['http://300.1.1.1/', /300\.1\.1\.1 is no IPv4 address$/],
    ['1.2.3:80', /1\.2\.3 is no IPv4 address$/],
  ]
  for (const [text, message] of rows) assert.throws(() => parseTarget(text), { code: 'Usage', message }, text)
  assert.equal(parseTarget('tcp://web:80/').port, 80)
})

test('any text is a target or a usage error', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...Array.from('ab/:.[]-_0?#\n %é'), 'http://', 'pod/', 'node/') }),
      (text) => {
        for (const parse of [parseTarget, parseSource]) {
          try {
            parse(text)
          } catch (error) {
            assert.ok(error instanceof KubehopError && error.code === 'Usage', String(error))
          }
        }
      },
    ),
  )
})
