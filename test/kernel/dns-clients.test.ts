import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { type Ran, run, start, type Tool, toolNamed } from './dns/program.ts'
import { bigAddresses, openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// What people see who ask the cluster's name server with the programs that they have.

const zone = 'shop.svc.cluster.local'
let shop: Shop

before(async () => {
  leaveForOwnNetwork()
  shop = await openShop()
})

after(() => shop[Symbol.asyncDispose]())

/** Tests with a program, or one line that says that it is not here. */
function withProgram(name: string, tests: (ask: (...args: string[]) => Promise<Ran>) => void): void {
  const tool = toolNamed(name)
  describe(name, { skip: tool ? false : `${name} is not here` }, () => {
    tests((...args) => run(tool ?? assert.fail(), args, shop.files))
  })
}

/** In order, without empty ones. */
function lines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

withProgram('dig', (ask) => {
  const short = async (...args: string[]): Promise<string[]> => lines((await ask('+short', ...args)).out)

  test('an address, by the whole name, with a dot at its end, and by the search list', async () => {
    assert.deepEqual(await short(`web.${zone}`), ['10.0.0.1'])
    assert.deepEqual(await short(`web.${zone}.`), ['10.0.0.1'])
    assert.deepEqual(await short('+search', 'web'), ['10.0.0.1'])
    assert.deepEqual(await short('AAAA', `dual.${zone}`), ['fd00::3'])
    assert.deepEqual(await short('-x', '10.0.0.1'), [`web.${zone}.`])
    assert.deepEqual(await short('-x', 'fd00::3'), [`dual.${zone}.`])
    assert.deepEqual(await short('SRV', `_http._tcp.db.${zone}`), [
      `0 50 80 db-0.db.${zone}.`,
      `0 50 80 db-1.db.${zone}.`,
    ])
    assert.deepEqual(await short(`partner.${zone}`), ['192.0.2.1', 'ext.interwebs.test.'])
    assert.deepEqual(await short('TXT', 'dns-version.cluster.local'), ['"1.1.0"'])
  })

  for (const [name, type, status, answers] of [
    [`web.${zone}`, 'A', 'NOERROR', 1],
    [`web.${zone}`, 'AAAA', 'NOERROR', 0],
    [`nosuch.${zone}`, 'A', 'NXDOMAIN', 0],
    ['nosuch.interwebs.test', 'A', 'NXDOMAIN', 0],
  ] as const)
    test(`${name} ${type} is ${status} with ${answers} answers, and "no" comes with an SOA`, async () => {
      const { code, out } = await ask(name, type)
      assert.equal(code, 0)
      assert.match(out, new RegExp(`status: ${status},`))
      assert.match(out, new RegExp(`ANSWER: ${answers}, AUTHORITY: ${1 - answers},`))
      assert.equal(/IN\tSOA\t/.test(out), answers === 0)
    })

  test('the name comes back as it was spelled', async () => {
    const { out } = await ask(`WeB.${zone}`)
    assert.match(out, /^;WeB\.shop\.svc\.cluster\.local\.\s+IN\tA$/m)
    assert.match(out, /^WeB\.shop\.svc\.cluster\.local\. 30\tIN\tA\t10\.0\.0\.1$/m)
  })

  test('EDNS is there for who has it, and of no other version', async () => {
    assert.match((await ask(`web.${zone}`)).out, /EDNS: version: 0, flags:; udp: \d+/)
    assert.match((await ask('+dnssec', `web.${zone}`)).out, /EDNS: version: 0, flags: do;/)
    assert.doesNotMatch((await ask('+noedns', `web.${zone}`)).out, /EDNS/)
    assert.match((await ask('+edns=7', '+noednsneg', `web.${zone}`)).out, /status: BADVERS/)
    assert.deepEqual(await short('+edns=7', `web.${zone}`), ['10.0.0.1'])
  })

  for (const [how, ...args] of [
    ['after a cut answer'],
    ['after a cut answer of the smallest size', '+bufsize=512'],
    ['without EDNS', '+noedns'],
    ['at once', '+tcp'],
  ] as const)
    test(`an answer too long for UDP comes whole over TCP ${how}`, async () => {
      const { code, out } = await ask(...args, `big.${zone}`)
      assert.equal(code, 0)
      assert.match(out, /\(TCP\)$/m)
      assert.deepEqual(
        lines(out)
          .flatMap((line) => /\tIN\tA\t(.*)/.exec(line)?.[1] ?? [])
          .sort(),
        bigAddresses,
      )
    })

  test('a cut answer says so, and is as long as the client can take', async () => {
    const { out } = await ask('+ignore', '+bufsize=700', `big.${zone}`)
    assert.match(out, /flags: qr aa tc rd/)
    const size = Number(/MSG SIZE +rcvd: (\d+)/.exec(out)?.[1])
    assert.ok(size <= 700 && size > 600, `${size} bytes`)
  })

  test('a zone is not handed out, and other classes are refused', async () => {
    assert.match((await ask('AXFR', 'cluster.local')).out, /; Transfer failed\./)
    assert.match((await ask('CH', 'TXT', 'version.bind')).out, /status: REFUSED/)
  })

  test('one connection carries several questions', async () => {
    const { out } = await ask('+tcp', '+keepopen', '+short', `web.${zone}`, `dual.${zone}`)
    assert.deepEqual(lines(out), ['10.0.0.1', '10.0.0.3'])
  })
})

withProgram('kdig', (ask) => {
  test('addresses, ports and names, over UDP and TCP', async () => {
    // Told +notcp, kdig keeps a cut answer.
    for (const transport of ['+noignore', '+tcp']) {
      assert.equal((await ask(transport, '+short', `web.${zone}`)).out, '10.0.0.1\n')
      assert.equal((await ask(transport, '+short', '-x', '10.0.0.1')).out, `web.${zone}.\n`)
      const srv = await ask(transport, '+short', `_http._tcp.web.${zone}`, 'SRV')
      assert.equal(srv.out, `0 100 80 web.${zone}.\n`)
      assert.deepEqual(lines((await ask(transport, '+short', `big.${zone}`)).out), bigAddresses)
    }
  })

  test('a missing name, and EDNS with padding', async () => {
    assert.match((await ask(`nosuch.${zone}`)).out, /status: NXDOMAIN/)
    const { code, out } = await ask('+edns', '+padding=128', `web.${zone}`)
    assert.equal(code, 0)
    assert.match(out, /Version: 0;/)
    assert.match(out, /10\.0\.0\.1$/m)
  })
})

withProgram('drill', (ask) => {
  test('an address, a missing name, a pointer, and a long answer', async () => {
    assert.match((await ask(`web.${zone}`)).out, /rcode: NOERROR[^]*\tA\t10\.0\.0\.1$/m)
    assert.match((await ask(`nosuch.${zone}`)).out, /rcode: NXDOMAIN[^]*\tSOA\t/)
    assert.match((await ask('-x', '172.16.0.2')).out, /\tPTR\tdb-0\.db\.shop\.svc\.cluster\.local\.$/m)
    for (const transport of ['-a', '-t'])
      assert.equal(
        lines((await ask(transport, `big.${zone}`)).out).filter((line) => /\tA\t172/.test(line)).length,
        120,
        transport,
      )
  })
})

withProgram('getent', (ask) => {
  const addresses = async (...args: string[]): Promise<{ code: number; addresses: string[] }> => {
    const { code, out } = await ask(...args)
    return {
      code,
      addresses: lines(out)
        .filter((line) => line.includes('STREAM'))
        .map((line) => line.split(' ')[0] ?? ''),
    }
  }

  for (const [name, found] of [
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
    ['big', bigAddresses],
  ] as const)
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

describe('unbound as a forwarder that spells names in random case', {
  skip: toolNamed('unbound') && toolNamed('dig') ? false : 'unbound or dig is not here',
}, () => {
  const port = '5300'
  const dig = async (...args: string[]): Promise<string> =>
    (await run(toolNamed('dig') ?? assert.fail(), ['@127.0.0.1', '-p', port, ...args], shop.files)).out
  let unbound: Awaited<ReturnType<typeof start>>

  before(async () => {
    const config = join(shop.folder, 'unbound.conf')
    writeFileSync(config, forwarder(port))
    unbound = await start(toolNamed('unbound') ?? assert.fail(), ['-d', '-c', config], shop.files)
    // It says so when it answers.
    for await (const line of createInterface({ input: unbound.child.stderr ?? assert.fail() }))
      if (line.includes('start of service')) return
    assert.fail(`unbound ended with ${await unbound.exited}`)
  })

  after(async () => {
    unbound.child.kill()
    await unbound.exited
  })

  test('it believes our answers', async () => {
    assert.equal(await dig('+short', `web.${zone}`), '10.0.0.1\n')
    assert.equal(await dig('+short', 'AAAA', `dual.${zone}`), 'fd00::3\n')
    assert.equal(await dig('+short', '-x', '10.0.0.1'), `web.${zone}.\n`)
    assert.equal(await dig('+short', 'SRV', `_http._tcp.web.${zone}`), `0 100 80 web.${zone}.\n`)
    assert.deepEqual(lines(await dig('+short', `partner.${zone}`)), ['192.0.2.1', 'ext.interwebs.test.'])
    assert.deepEqual(lines(await dig('+short', `big.${zone}`)), bigAddresses)
  })

  test('it tells "no such name" from "no such record", and keeps both as long as we say', async () => {
    for (const name of ['web', 'dual', 'six'])
      for (const type of ['TXT', 'PTR'])
        assert.match(await dig(type, `${name}.${zone}`), /status: NOERROR[^]*ANSWER: 0/)
    for (let at = 0; at < 20; at++) {
      const out = await dig(`nosuch-${at}.${zone}`)
      assert.match(out, /status: NXDOMAIN/)
      assert.match(out, /^cluster\.local\.\s+(30|29)\tIN\tSOA\t/m)
    }
  })
})

function forwarder(port: string): string {
  return `server:
  interface: 127.0.0.1@${port}
  use-caps-for-id: yes
  module-config: "iterator"
  username: ""
  chroot: ""
  directory: "/"
  pidfile: ""
  use-syslog: no
  verbosity: 1
  do-not-query-localhost: no
  local-zone: "10.in-addr.arpa" nodefault
  num-threads: 1
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@53
`
}

withProgram('dnsperf', (ask) => {
  test('no question is lost', async () => {
    const file = join(shop.folder, 'questions')
    const names = [
      `web.${zone} A`,
      `web.${zone} AAAA`,
      `nosuch.${zone} A`,
      `_http._tcp.db.${zone} SRV`,
      `web.${zone}.${zone} A`,
    ]
    writeFileSync(file, `${names.join('\n')}\n`)
    for (const mode of ['udp', 'tcp']) {
      const { code, out } = await ask('-s', '127.0.0.1', '-d', file, '-l', '1', '-Q', '3000', '-m', mode)
      assert.equal(code, 0)
      assert.match(out, /Queries lost: +0 /)
      assert.match(out, /Response codes: +NOERROR \d+ \([\d.]+%\), NXDOMAIN \d+ \([\d.]+%\)$/m)
      const sent = Number(/Queries sent: +(\d+)/.exec(out)?.[1])
      assert.ok(sent > 1000, `${sent} questions`)
    }
  })
})
