import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { address } from '../../base/address.ts'
import type { HostsConfig } from '../config/config.ts'
import { type Hosts, openHosts } from '../hosts/hosts.ts'
import { HostsTable, readHosts } from '../hosts/table.ts'
import { overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import type { types } from '../wire/message.ts'
import { lowerName, wireName } from '../wire/name.ts'
import { type Query, readQuery } from '../wire/query.ts'
import { hostsHandler } from './hosts.ts'
import { handlerList } from './list.ts'
import { Responder } from '../server/responder.ts'

const silent = pino({ level: 'silent' })

const text = `# ours
10.9.0.1	db.corp.example db   # the database
10.9.0.2 DB.corp.example.
fd00:9::1 db.corp.example six.example
not-an-address x.example
10.9.0.3
10.9.0.4 bad..name good.example
`

const rows: [name: string, type: keyof typeof types | number, expected: string][] = [
  ['db.corp.example', 'A', 'NOERROR 10.9.0.1 10.9.0.2'],
  ['DB.Corp.Example', 'AAAA', 'NOERROR fd00:9::1'],
  ['db', 'A', 'NOERROR 10.9.0.1'],
  ['db', 'AAAA', 'NOERROR'],
  ['six.example', 'A', 'NOERROR'],
  ['good.example', 'A', 'NOERROR 10.9.0.4'],
  // Nobody else has anything to say about the name, but it is there.
  ['db.corp.example', 'TXT', 'NOERROR'],
  ['db.corp.example', 65, 'NOERROR'],
  ['1.0.9.10.in-addr.arpa', 'PTR', 'NOERROR PTR=db PTR=db.corp.example'],
  [
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.0.0.0.0.0.d.f.ip6.arpa',
    'PTR',
    'NOERROR PTR=db.corp.example PTR=six.example',
  ],
  ['1.0.9.10.in-addr.arpa', 'A', 'REFUSED'],
  ['9.0.9.10.in-addr.arpa', 'PTR', 'REFUSED'],
  ['x.example', 'A', 'REFUSED'],
  ['corp.example', 'A', 'REFUSED'],
  // The cluster's own names are not to be taken from it.
  ['svc1.testns.svc.cluster.local', 'A', 'NOERROR 10.0.0.1'],
  ['nosuch.testns.svc.cluster.local', 'A', 'NXDOMAIN ~SOA=cluster.local'],
]

test('names of the file have its addresses, and none of another family', async (t) => {
  const path = join(folder(t), 'hosts')
  writeFileSync(path, `${text}10.9.0.5 svc1.testns.svc.cluster.local nosuch.testns.svc.cluster.local\n`)
  const ask = answers(t, { entries: [], file: path, ttl: 60 })
  for (const [name, type, expected] of rows) assert.equal(await ask(name, type), expected, `${name} ${type}`)
})

test('an answer says where it stands', async (t) => {
  const path = join(folder(t), 'hosts')
  writeFileSync(path, text)
  const entries = [{ address: address('10.9.0.77'), names: ['entry.example'] }]
  const hosts = opened(t, { entries, file: path, ttl: 60 })
  assert.equal(hosts.table.lines, 5)
  assert.ok(Math.abs((hosts.readAt ?? 0) - Date.now() / 1000) < 60)
  const handler = hostsHandler(hosts, () => Promise.resolve(undefined))
  const from = async (name: string): Promise<string | undefined> =>
    (await handler.handle(readQuery(queryOf(name, 'A')) as Query, overUdp))?.from
  assert.equal(await from('db'), `hosts ${path} line 2`)
  assert.equal(await from('six.example'), `hosts ${path} line 4`)
  assert.equal(await from('entry.example'), 'hosts entry 1')
  assert.equal(await from('other.example'), undefined)
})

test('what is wrong is left out and told by line', () => {
  assert.deepEqual(readHosts(text, 'F').wrong, [
    'F line 5: "not-an-address" is not an IP address',
    'F line 6: no name after 10.9.0.3',
    'F line 7: "bad..name" is not a domain name',
  ])
})

test('any text is read, and what is kept of it can be asked for', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom('10.0.0.1', 'fd00::1', 'a.example', '#', '\t', 'A.', '.'),
  )
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 5 }), { maxLength: 8 }), (lines) => {
      const { lines: kept } = readHosts(lines.map((words) => words.join(' ')).join('\n'), 'F')
      const table = new HostsTable(kept)
      for (const { address, names } of kept)
        for (const name of names) {
          assert.ok(table.addressesOf(lowerName(wireName(name) ?? ''))?.values.includes(address), name)
          assert.ok(table.namesOf(address)?.values.includes(name))
        }
    }),
  )
})

test('a hundred thousand names with one address, as files that block names have them, hold nobody up', async (t) => {
  const path = join(folder(t), 'hosts')
  writeFileSync(path, Array.from({ length: 100_000 }, (_, at) => `0.0.0.0 ads${at}.example\n`).join(''))
  const start = performance.now()
  const { table } = opened(t, { entries: [], file: path, ttl: 60 })
  assert.ok(
    performance.now() - start < 10_000,
    'to look at all names of an address for each of them takes half a minute',
  )
  assert.equal(table.lines, 100_000)
  assert.equal(table.namesOf(address('0.0.0.0'))?.values.length, 100, 'an answer has no room for all')
})

test('a file that cannot be read keeps nobody from starting', async (t) => {
  const heard = new EventEmitter()
  const log = pino({}, { write: (line: string) => void heard.emit((JSON.parse(line) as { msg: string }).msg) })
  const entries = [{ address: address('10.9.0.77'), names: ['entry.example'] }]
  const at = folder(t)
  execFileSync('mkfifo', [join(at, 'pipe')])
  // A folder, a pipe into which nobody writes, and what has no end.
  for (const file of [at, join(at, 'pipe'), '/dev/zero']) {
    const told = once(heard, 'the hosts file cannot be read')
    const ask = answers(t, { entries, file, ttl: 60 }, log)
    await told
    assert.equal(await ask('entry.example', 'A'), 'NOERROR 10.9.0.77')
  }
})

test('another type of a name that is here is asked elsewhere, but the name stays', async (t) => {
  const path = join(folder(t), 'hosts')
  writeFileSync(path, '10.9.0.1 a.example\n')
  const hosts = opened(t, { entries: [], file: path, ttl: 60 })
  const negative = handlerList({ zone: zoneOf(), synced: () => true }).handlers[0]
  assert.ok(negative)
  const missing = readQuery(queryOf('nosuch.cluster.local', 'TXT')) as Query
  const handler = hostsHandler(hosts, async () => negative.handle(missing, overUdp))
  const said = await handler.handle(readQuery(queryOf('a.example', 'TXT')) as Query, overUdp)
  assert.ok(said && 'answer' in said)
  assert.equal(said.answer.rcode, 0)
})

test('a file that changes is read again, as is one behind the links of a ConfigMap, and one that comes late', async (t) => {
  const at = folder(t)
  const heard = new EventEmitter()
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void heard.emit((JSON.parse(line) as { msg: string }).msg) },
  )
  const version = (name: string, ip: string): void => {
    mkdirSync(join(at, name))
    writeFileSync(join(at, name, 'hosts'), `${ip} a.example\n`)
    symlinkSync(name, join(at, 'new'))
    renameSync(join(at, 'new'), join(at, '..data'))
  }
  symlinkSync('..data/hosts', join(at, 'hosts'))
  const ask = answers(t, { entries: [], file: join(at, 'hosts'), ttl: 60 }, log)
  assert.equal(await ask('a.example', 'A'), 'REFUSED')
  for (const number of [1, 2, 3]) {
    const changed = once(heard, 'read the hosts file')
    version(`..${number}`, `10.9.1.${number}`)
    await changed
    assert.equal(await ask('a.example', 'A'), `NOERROR 10.9.1.${number}`)
  }
  const gone = once(heard, 'the hosts file cannot be read')
  rmSync(join(at, '..data'))
  await gone
  assert.equal(await ask('a.example', 'A'), 'NOERROR 10.9.1.3', 'what was read last stays')
})

function answers(
  t: TestContext,
  config: HostsConfig,
  log = silent,
): (name: string, type: keyof typeof types | number) => Promise<string> {
  const zone = zoneOf()
  const server = new Responder({
    ...handlerList({ zone, synced: () => true, hosts: opened(t, config, log) }),
    log: silent,
  })
  return async (name, type) => {
    const reply = await server.react(queryOf(name, type), overUdp)
    assert.ok(reply)
    return summary(read(reply))
  }
}

function opened(t: TestContext, config: HostsConfig, log = silent): Hosts {
  const hosts = openHosts(config, log)
  t.after(() => hosts.close())
  return hosts
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kubehop-hosts-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}
