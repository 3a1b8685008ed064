import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { addressesIn, type families, gai, lookUp, muslLoader } from './dns/musl.ts'
import { type Files, lines, run, type Tool, withProgram } from './dns/program.ts'
import { bigAddresses, openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// What programs in pods see: the resolvers that they are linked with.

const zone = 'shop.svc.cluster.local'
const kubectl = process.env['KUBECTL']
const files = (): Files => shop.files
let shop: Shop

/** What a pod of the shop may call, and the addresses of each. */
const known = [
  ['web', ['10.0.0.1']],
  ['web.shop', ['10.0.0.1']],
  ['web.shop.svc', ['10.0.0.1']],
  [`web.${zone}`, ['10.0.0.1']],
  [`web.${zone}.`, ['10.0.0.1']],
  ['dual', ['10.0.0.3', 'fd00::3']],
  ['six', ['fd00::6']],
  ['db', ['172.16.0.2', '172.16.0.3']],
  ['db-1.db', ['172.16.0.3']],
  ['partner', ['192.0.2.1', '2001:db8::1']],
  ['ext.interwebs.test', ['192.0.2.1', '2001:db8::1']],
] as const

before(async () => {
  leaveForOwnNetwork()
  shop = await openShop()
})

after(() => shop[Symbol.asyncDispose]())

withProgram('getent', files, (ask) => {
  const addresses = async (...args: string[]): Promise<{ code: number; addresses: string[] }> => {
    const { code, out } = await ask(...args)
    return {
      code,
      addresses: lines(out)
        .filter((line) => line.includes('STREAM'))
        .map((line) => line.split(' ')[0] ?? ''),
    }
  }

  for (const [name, found] of [...known, ['big', bigAddresses]] as const)
    test(`glibc finds ${name} by the search list with ndots:5`, async () => {
      assert.deepEqual(await addresses('ahosts', name), { code: 0, addresses: [...found] })
    })

  test('glibc says that there is no such name, or no address of the family', async () => {
    assert.deepEqual(await addresses('ahosts', 'nosuch'), { code: 2, addresses: [] })
    assert.deepEqual(await addresses('ahosts', 'web.'), { code: 2, addresses: [] })
    assert.deepEqual(await addresses('ahostsv4', 'six'), { code: 2, addresses: [] })
  })

  test('glibc finds the name of an address', async () => {
    assert.match((await ask('hosts', '10.0.0.1')).out, /^10\.0\.0\.1 +web\.shop\.svc\.cluster\.local$/m)
    assert.match((await ask('hosts', 'fd00::6')).out, /^fd00::6 +six\.shop\.svc\.cluster\.local$/m)
    assert.equal((await ask('hosts', '10.0.99.99')).code, 2)
  })
})

describe('musl', { skip: muslLoader() ? false : 'musl is not here' }, () => {
  const found = async (name: string, family: keyof typeof families = 'any'): Promise<[number, string[]]> => {
    const args = lookUp(join(shop.folder, 'look-up'), name, family)
    const { code, bytes } = await run(muslLoader() ?? assert.fail(), args, shop.files)
    return [code, addressesIn(bytes).sort()]
  }

  for (const [name, addresses] of known)
    test(`it finds ${name}`, async () => {
      assert.deepEqual(await found(name), [gai.found, [...addresses]])
    })

  test('a name without an address of the family is no missing name: the search ends there', async () => {
    for (const [name, family] of [
      ['web', 'v6'],
      ['six', 'v4'],
    ] as const) {
      const before = shop.asked.length
      const [code, addresses] = await found(name, family)
      // 1.2.3 has one code for both.
      assert.ok(code === gai.EAI_NODATA || code === gai.EAI_NONAME, `${code}`)
      assert.deepEqual(addresses, [])
      assert.deepEqual(shop.asked.slice(before), [])
    }
    assert.deepEqual(await found('web', 'v4'), [gai.found, ['10.0.0.1']])
  })

  test('a missing name is missing after the whole search list', async () => {
    assert.deepEqual(await found('no-such'), [gai.EAI_NONAME, []])
    assert.ok(shop.asked.includes('udp no-such'))
    assert.deepEqual(await found('nor-this.'), [gai.EAI_NONAME, []])
  })

  test('it knows no TCP before 1.2.4, and takes what a cut answer has', async () => {
    const [code, addresses] = await found('big', 'v4')
    assert.equal(code, gai.found)
    assert.ok(addresses.length > 20, `${addresses.length} addresses`)
    assert.ok(addresses.every((address) => bigAddresses.includes(address)))
  })
})

describe("Go's own resolver", { skip: kubectl === undefined ? 'kubectl is not here' : false }, () => {
  /** kubectl says whom it cannot reach: there is no way to these addresses. */
  const said = async (name: string): Promise<string> => {
    const args = [`--server=http://${name}:80`, `--cache-dir=${shop.folder}`, 'get', '--raw', '/']
    return (await run({ path: kubectl ?? assert.fail(), env: [] }, args, shop.files)).err
  }

  for (const [name, addresses] of [
    ['web', ['10.0.0.1']],
    ['web.shop.svc', ['10.0.0.1']],
    [`web.${zone}.`, ['10.0.0.1']],
    ['dual', ['10.0.0.3', '[fd00::3]']],
    ['six', ['[fd00::6]']],
    ['db-1.db', ['172.16.0.3']],
    ['partner', ['192.0.2.1', '[2001:db8::1]']],
    ['big', bigAddresses],
  ] as const)
    test(`it finds ${name}`, async () => {
      const text = await said(name)
      const [, to = text] = /dial tcp (\S+):80: connect: network is unreachable/.exec(text) ?? []
      assert.ok(
        addresses.some((address) => address === to),
        to,
      )
    })

  test('a missing name is no such host', async () => {
    assert.match(await said('nosuch'), /lookup nosuch on 127\.0\.0\.1:53: no such host/)
  })
})

describe("Node's c-ares", () => {
  const node: Tool = { path: process.execPath, env: [] }
  /** What each call gave, or the code of its error. */
  const resolved = async (...calls: [method: string, name: string][]): Promise<unknown> => {
    const { out, err } = await run(node, ['-e', script, JSON.stringify(calls)], shop.files)
    assert.equal(err, '')
    return JSON.parse(out)
  }
  const script = `
    const resolver = new (require('node:dns').promises.Resolver)({ timeout: 3000, tries: 1 })
    Promise.all(JSON.parse(process.argv[1]).map(([method, name]) => resolver[method](name).catch(({ code }) => code)))
      .then((all) => console.log(JSON.stringify(all)))`

  test('records of every type', async () => {
    assert.partialDeepStrictEqual(
      await resolved(
        ['resolve4', `web.${zone}`],
        ['resolve6', `dual.${zone}`],
        ['resolveSrv', `_http._tcp.web.${zone}`],
        ['reverse', '10.0.0.1'],
        ['resolvePtr', '1.0.0.10.in-addr.arpa'],
        ['resolveCname', `partner.${zone}`],
        ['resolve4', `partner.${zone}`],
        ['resolveTxt', 'dns-version.cluster.local'],
        ['resolveNs', 'cluster.local'],
      ),
      [
        ['10.0.0.1'],
        ['fd00::3'],
        [{ priority: 0, weight: 100, port: 80, name: `web.${zone}` }],
        [`web.${zone}`],
        [`web.${zone}`],
        ['ext.interwebs.test'],
        ['192.0.2.1'],
        [['1.1.0']],
        ['ns.dns.cluster.local'],
      ],
    )
  })

  test('"no such name" is ENOTFOUND, "no such record" ENODATA', async () => {
    assert.deepEqual(
      await resolved(
        ['resolve4', `nosuch.${zone}`],
        ['resolve6', `web.${zone}`],
        ['resolveSrv', `nosuch.web.${zone}`],
        ['resolveMx', `web.${zone}`],
        ['resolveAny', `nosuch.${zone}`],
      ),
      ['ENOTFOUND', 'ENODATA', 'ENOTFOUND', 'ENODATA', 'ENOTFOUND'],
    )
  })

  test('a long answer, over TCP', async () => {
    const [addresses] = (await resolved(['resolve4', `big.${zone}`])) as [string[]]
    assert.deepEqual(addresses.sort(), bigAddresses)
  })

  test('ANY is answered, with nothing that it knows', async () => {
    assert.deepEqual(await resolved(['resolveAny', `web.${zone}`]), [[]])
  })
})
