import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { pino } from 'pino'
import { addressesIn, lookUp, muslLoader } from './dns/musl.ts'
import { run, toolNamed } from './dns/program.ts'
import { openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// How many questions a search list with ndots:5 costs real resolvers, with the server's help and without.

before(leaveForOwnNetwork)

const rows: [name: string, found: string[], without: number, withIt: number][] = [
  // A question is one of a pair, for A and AAAA.
  ['web', ['10.0.0.1'], 2, 2],
  ['web.shop', ['10.0.0.1'], 4, 2],
  ['dual.shop.svc', ['10.0.0.3', 'fd00::3'], 6, 2],
  ['six.shop', ['fd00::6'], 4, 2],
  ['partner.shop', ['192.0.2.1', '2001:db8::1'], 4, 2],
  ['ext.interwebs.test', ['192.0.2.1', '2001:db8::1'], 8, 2],
  ['web.shop.svc.cluster.local', ['10.0.0.1'], 8, 2],
  ['web.shop.svc.cluster.local.', ['10.0.0.1'], 2, 2],
  ['nosuch.interwebs.test', [], 8, 8],
]

const getent = toolNamed('getent')
const musl = muslLoader()
const libraries: [name: string, addresses: ((shop: Shop, name: string) => Promise<string[]>) | undefined][] = [
  [
    'glibc',
    getent &&
      (async (shop, name) => {
        const { out } = await run(getent, ['ahosts', name], shop.files)
        const lines = out.split('\n').filter((line) => line.includes('STREAM'))
        return lines.map((line) => line.split(' ')[0] ?? '')
      }),
  ],
  [
    'musl',
    musl &&
      (async (shop, name) => {
        const { bytes } = await run(musl, lookUp(join(shop.folder, 'look-up'), name, 'any'), shop.files)
        return addressesIn(bytes)
      }),
  ],
]

for (const [library, addresses] of libraries)
  for (const autopath of [false, true]) {
    const title = `${library} finds the same ${autopath ? 'with' : 'without'} autopath`
    test(title, { skip: !addresses && `${library} is not here` }, async () => {
      assert.ok(addresses)
      let questions = 0
      const count = (line: string): void => void (questions += line.includes('"rcode"') ? 1 : 0)
      await using shop = await openShop({ config: { autopath }, queries: pino({ level: 'info' }, { write: count }) })
      for (const [name, found, without, withIt] of rows) {
        questions = 0
        assert.deepEqual((await addresses(shop, name)).sort(), found, name)
        assert.equal(questions, autopath ? withIt : without, name)
      }
    })
  }
