import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { lines, run, start, toolNamed } from './dns/program.ts'
import { bigAddresses, openShop, type Shop } from './dns/shop.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// What a resolver between pods and us believes.

const zone = 'shop.svc.cluster.local'
let shop: Shop
/** Names that we were asked for, as they were spelled. */
const heard: string[] = []

before(async () => {
  leaveForOwnNetwork()
  const write = (line: string): void => {
    const { name } = JSON.parse(line) as { name?: string }
    if (name !== undefined) heard.push(name)
  }
  shop = await openShop({ queries: pino({ level: 'info' }, { write }) })
})

after(() => shop[Symbol.asyncDispose]())

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

  test('it sees each name come back in its own spelling: otherwise it asks again and again, and compares', async () => {
    const before = heard.length
    for (let at = 0; at < 20; at++) await dig(`spelled-${at}.${zone}`)
    const asked = heard.slice(before)
    assert.deepEqual(
      asked.map((name) => name.toLowerCase()),
      Array.from({ length: 20 }, (_, at) => `spelled-${at}.${zone}`),
    )
    assert.ok(
      asked.every((name) => name !== name.toLowerCase()),
      asked.join(' '),
    )
  })

  test('it tells "no such name" from "no such record", and keeps both as long as we say', async () => {
    for (const name of ['web', 'dual', 'six'])
      for (const type of ['TXT', 'PTR'])
        assert.match(await dig(type, `${name}.${zone}`), /status: NOERROR[^]*ANSWER: 0/)
    for (let at = 0; at < 20; at++) {
      const out = await dig(`nosuch-${at}.${zone}`)
      assert.match(out, /status: NXDOMAIN/)
      assert.match(out, /^cluster\.local\.\s+(30|[12]\d)\tIN\tSOA\t/m)
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
