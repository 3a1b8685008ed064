import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { addressesIn, lookUp, muslLoader } from './dns/musl.ts'
import { type Files, lines, run, toolNamed } from './dns/program.ts'
import { bigAddresses, openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// Lines of resolv.conf that people have: of dnsConfig, of nodes with IPv6, of workarounds that are still around.

let shop: Shop

before(async () => {
  leaveForOwnNetwork()
  shop = await openShop()
})

after(() => shop[Symbol.asyncDispose]())

const rows: [string, (usual: string) => string][] = [
  ...[
    'use-vc',
    'edns0',
    'single-request',
    'single-request-reopen',
    'trust-ad',
    'rotate',
    'ndots:1',
    'timeout:1 attempts:1',
  ].map((option): [string, (usual: string) => string] => [
    `options ${option}`,
    (usual) => `${usual}options ${option}\n`,
  ]),
  ['a name server with an IPv6 address', (usual) => usual.replace('127.0.0.1', '::1')],
  ['a first name server that is not there', (usual) => usual.replace(/^nameserver/m, 'nameserver 127.0.0.9\n$&')],
]

const dual = ['10.0.0.3', 'fd00::3']

describe('glibc', { skip: toolNamed('getent') ? false : 'getent is not here' }, () => {
  const found = async (name: string, files: Files): Promise<string[]> => {
    const { out } = await run(toolNamed('getent') ?? assert.fail(), ['ahosts', name], files)
    return lines(out).flatMap((line) => (line.includes('STREAM') ? (line.split(' ')[0] ?? '') : []))
  }

  for (const [what, change] of rows)
    test(`finds everything with ${what}`, async () => {
      const files = shop.filesWith(change)
      assert.deepEqual(await found('web', files), ['10.0.0.1'])
      assert.deepEqual(await found('dual.shop', files), dual)
      assert.deepEqual(await found('big', files), bigAddresses)
      assert.deepEqual(await found('ext.interwebs.test', files), ['192.0.2.1', '2001:db8::1'])
      assert.deepEqual(await found('nosuch', files), [])
    })

  test('finds addresses of one family with options no-aaaa', async () => {
    const files = shop.filesWith((usual) => `${usual}options no-aaaa\n`)
    assert.deepEqual(await found('web', files), ['10.0.0.1'])
  })
})

describe('musl', { skip: muslLoader() ? false : 'musl is not here' }, () => {
  for (const [what, change] of rows)
    test(`finds everything with ${what}`, async () => {
      const files = shop.filesWith(change)
      // Not `dual.shop`: it searches for nothing that has ndots dots.
      const args = lookUp(join(shop.folder, 'look-up'), 'dual', 'any')
      const { bytes } = await run(muslLoader() ?? assert.fail(), args, files)
      assert.deepEqual(addressesIn(bytes).sort(), dual)
    })
})

const kubectl = process.env['KUBECTL']
describe("Go's own resolver", { skip: kubectl === undefined ? 'kubectl is not here' : false }, () => {
  for (const [what, change] of rows)
    test(`finds everything with ${what}`, async () => {
      const args = ['--server=http://web.shop:80', `--cache-dir=${shop.folder}`, 'get', '--raw', '/']
      const { err } = await run({ path: kubectl ?? assert.fail(), env: [] }, args, shop.filesWith(change))
      assert.match(err, /dial tcp 10\.0\.0\.1:80/)
    })
})
