import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Files, lines, withProgram } from './dns/program.ts'
import { bigAddresses, openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// What people see who ask the cluster's name server with the programs that they have.

const zone = 'shop.svc.cluster.local'
const files = (): Files => shop.files
let shop: Shop

before(async () => {
  leaveForOwnNetwork()
  shop = await openShop()
})

after(() => shop[Symbol.asyncDispose]())

withProgram('dig', files, (ask) => {
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

  test('who answered is told to who asks with the option 65001', async () => {
    const { out } = await ask('+ednsopt=65001', `web.${zone}`)
    assert.match(out, /^; OPT=65001: ([0-9a-f]{2} )+\("cluster: service shop\/web"\)$/m)
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

  // What https://ednscomp.isc.org asks of a server (RFC 6891, RFC 8906 section 8).
  const soa = /^cluster\.local\.\s+30\tIN\tSOA\t/m
  for (const [how, args, yes, no] of [
    ['plain DNS', '+noedns', [/status: NOERROR/, / aa[ ;]/, soa], [/EDNS/]],
    ['EDNS', '+edns=0 +nocookie', [/status: NOERROR/, / aa[ ;]/, soa, /EDNS: version: 0/], []],
    ['a version to come', '+edns=1 +noednsneg +nocookie', [/status: BADVERS/, /EDNS: version: 0/], [soa]],
    ['an unknown option', '+edns=0 +nocookie +ednsopt=100', [/status: NOERROR/, soa, /EDNS: version: 0/], [/OPT=100/]],
    [
      'an unknown option of a version to come',
      '+edns=1 +noednsneg +nocookie +ednsopt=100',
      [/BADVERS/],
      [/OPT=100/, soa],
    ],
    ['unknown flags', '+edns=0 +nocookie +ednsflags=0x80', [/status: NOERROR/, soa, /EDNS: version: 0/], [/MBZ/]],
    ['DO', '+edns=0 +nocookie +dnssec', [/status: NOERROR/, soa, /EDNS: version: 0, flags: do;/], []],
    ['a cookie with DO', '+edns=0 +cookie +dnssec', [/status: NOERROR/, soa, /flags: do;/], []],
    ['many options', '+edns=0 +nsid +subnet=0.0.0.0/0 +expire +cookie', [/status: NOERROR/, soa], [/CLIENT-SUBNET/]],
    ['TCP', '+edns=0 +nocookie +dnssec +bufsize=512 +tcp', [/status: NOERROR/, soa, /flags: do;/], [/ tc[ ;]/]],
    ['the flag that is reserved', '+nocookie +zflag', [/status: NOERROR/, soa], [/MBZ: 0x4/]],
    ['AD and CD', '+nocookie +adflag +cdflag', [/status: NOERROR/, soa, /^;; flags: qr aa ra cd;/m], []],
    ['another opcode', '+nocookie +opcode=UPDATE', [/status: NOTIMP/], [soa]],
    ['no question', '+nocookie +header-only', [/status: FORMERR/], [soa]],
  ] as const)
    test(`${how} is met as the RFCs say`, async () => {
      const { code, out } = await ask('+norec', ...args.split(' '), 'SOA', 'cluster.local')
      assert.equal(code, 0)
      for (const expected of yes) assert.match(out, expected)
      for (const unwanted of no) assert.doesNotMatch(out, unwanted)
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

withProgram('kdig', files, (ask) => {
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

withProgram('drill', files, (ask) => {
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

withProgram('host', files, (ask) => {
  test('addresses of both families, a missing name, a pointer, and a long answer', async () => {
    assert.deepEqual(lines((await ask('dual')).out), [
      `dual.${zone} has IPv6 address fd00::3`,
      `dual.${zone} has address 10.0.0.3`,
    ])
    const missing = await ask('nosuch')
    assert.deepEqual([missing.code, missing.out], [1, 'Host nosuch not found: 3(NXDOMAIN)\n'])
    assert.match((await ask('10.0.0.1')).out, /domain name pointer web\.shop\.svc\.cluster\.local\.$/m)
    assert.equal(lines((await ask('big')).out).filter((line) => line.includes('has address')).length, 120)
  })
})

withProgram('nslookup', files, (ask) => {
  test('a name by the search list, a missing one, and the name of an address', async () => {
    const { code, out } = await ask('web')
    assert.equal(code, 0)
    assert.match(out, /^Name:\tweb\.shop\.svc\.cluster\.local\nAddress: 10\.0\.0\.1$/m)
    assert.doesNotMatch(out, /can't find/)
    const missing = await ask('nosuch')
    assert.equal(missing.code, 1)
    assert.match(missing.out, /server can't find nosuch: NXDOMAIN/)
    assert.match((await ask('10.0.0.1')).out, /name = web\.shop\.svc\.cluster\.local\.$/m)
  })
})

withProgram('busybox', files, (ask) => {
  test('its nslookup finds a name of one family without a complaint about the other', async () => {
    const { code, out } = await ask('nslookup', `web.${zone}`)
    assert.equal(code, 0)
    assert.match(out, /^Name:\tweb\.shop\.svc\.cluster\.local\nAddress: 10\.0\.0\.1$/m)
    assert.doesNotMatch(out, /can't find|No answer/)
    assert.equal((await ask('nslookup', `nosuch.${zone}`)).code, 1)
  })
})

withProgram('dnsperf', files, (ask) => {
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
