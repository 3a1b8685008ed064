import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { pino } from 'pino'
import { run, toolNamed } from './dns/program.ts'
import { openShop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// How many questions a search list with ndots:5 costs a real resolver, with the server's help and without.

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

for (const autopath of [false, true])
  test(`glibc finds the same ${autopath ? 'with' : 'without'} autopath`, {
    skip: !getent && 'getent is not here',
  }, async () => {
    assert.ok(getent)
    let questions = 0
    const queries = pino(
      { level: 'info' },
      { write: (line: string) => void (questions += line.includes('"rcode"') ? 1 : 0) },
    )
    await using shop = await openShop({ config: { autopath }, queries })
    for (const [name, found, without, withIt] of rows) {
      questions = 0
      const { out } = await run(getent, ['ahosts', name], shop.files)
      const stream = out.split('\n').filter((line) => line.includes('STREAM'))
      assert.deepEqual(stream.map((line) => line.split(' ')[0]).sort(), found, name)
      assert.equal(questions, autopath ? withIt : without, name)
    }
  })
