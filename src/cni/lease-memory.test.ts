import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type Cidr, cidr } from '../base/address.ts'
import { openIpam } from './ipam.ts'
import { type LeaseFolder, readLeaseFolder } from './lease-folder.ts'
import { leaseFolder, rememberLeases } from './lease-memory.ts'

const range = cidr('10.9.0.0/29')

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'leases-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** What it is without a memory. */
function written(of: Cidr, dir: string): LeaseFolder {
  const { leases, last } = readLeaseFolder(of, dir)
  return { leases, last }
}

/** As a plugin without the agent gives an address, or anybody with a shell. */
const ours = (dir: string) =>
  ({
    give(at: number, id: string) {
      mkdirSync(dir, { recursive: true })
      rmSync(join(dir, `10.9.0.${at}`), { force: true })
      writeFileSync(join(dir, '.new.1'), JSON.stringify({ id, ifname: 'eth0', hostDevice: 'veth1' }))
      linkSync(join(dir, '.new.1'), join(dir, `10.9.0.${at}`))
      rmSync(join(dir, '.new.1'))
    },
    write(at: number, id: string) {
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, `10.9.0.${at}`), JSON.stringify({ id, ifname: 'eth0', hostDevice: 'veth2' }))
    },
    spoil(at: number) {
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, `10.9.0.${at}`), '')
    },
    free: (at: number) => rmSync(join(dir, `10.9.0.${at}`), { force: true }),
    last(at: number) {
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, '.last.1'), `10.9.0.${at}\n`)
      renameSync(join(dir, '.last.1'), join(dir, 'last'))
    },
    forget: () => rmSync(join(dir, 'last'), { force: true }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
    replace() {
      rmSync(`${dir}.old`, { recursive: true, force: true })
      mkdirSync(dir, { recursive: true })
      renameSync(dir, `${dir}.old`)
      mkdirSync(dir)
    },
    putBack() {
      mkdirSync(`${dir}.old`, { recursive: true })
      rmSync(dir, { recursive: true, force: true })
      renameSync(`${dir}.old`, dir)
    },
  }) satisfies Record<string, (at: number, id: string) => void>

test('whatever others do to the files, what is remembered is what is written down', (t) => {
  const folder = folderFor(t)
  using _ = rememberLeases()
  const names = Object.keys(ours('')) as (keyof ReturnType<typeof ours>)[]
  const step = fc.record({
    does: fc.constantFrom(...names),
    at: fc.integer({ min: 2, max: 6 }),
    id: fc.constantFrom('a', 'b'),
    looks: fc.boolean(),
  })
  let run = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const dir = join(folder, `${run++}`)
      const others = ours(dir)
      for (const { does, at, id, looks } of steps) {
        others[does](at, id)
        if (!looks) continue
        const remembered = leaseFolder(range, dir)
        assert.deepEqual({ leases: remembered.leases, last: remembered.last }, written(range, dir))
      }
    }),
    { numRuns: 300 },
  )
})

test('a lease is the same object for as long as it is written down, so that who took it can free it', (t) => {
  const dir = join(folderFor(t), 'a')
  using _ = rememberLeases()
  // The folder is made with the first address.
  openIpam(range, dir).take({ id: 'b', ifname: 'eth0', hostDevice: 'veth1' })
  const lease = openIpam(range, dir).take({ id: 'a', ifname: 'eth0', hostDevice: 'veth1', since: { boot: 'b' } })
  const again = openIpam(range, dir)
  assert.equal(again.list()[1], lease)
  again.free(lease)
  assert.equal(openIpam(range, dir).list().length, 1)
  assert.equal(openIpam(range, dir).take({ id: 'a', ifname: 'eth0', hostDevice: 'veth1' }).address, '10.9.0.4')
})

test('when more happens than the kernel keeps notes of, all is read again', (t) => {
  const dir = join(folderFor(t), 'a')
  using _ = rememberLeases()
  openIpam(range, dir).take({ id: 'a', ifname: 'eth0', hostDevice: 'veth1' })
  assert.equal(openIpam(range, dir).list().length, 1)
  const kept = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  for (let at = 0; at <= kept / 3; at++) {
    writeFileSync(join(dir, '.filler.1'), '')
    rmSync(join(dir, '.filler.1'))
  }
  ours(dir).free(2)
  ours(dir).give(3, 'b')
  assert.deepEqual([...leaseFolder(range, dir).leases.keys()], ['10.9.0.3'])
})

test('a file that is none of ours is refused until it is gone', (t) => {
  const dir = join(folderFor(t), 'a')
  using _ = rememberLeases()
  openIpam(range, dir).take({ id: 'a', ifname: 'eth0', hostDevice: 'veth1' })
  writeFileSync(join(dir, '10.8.0.1'), '{}')
  for (let time = 0; time < 2; time++) assert.throws(() => openIpam(range, dir), { code: 'ForeignState' })
  rmSync(join(dir, '10.8.0.1'))
  assert.equal(openIpam(range, dir).list().length, 1)
})

test('nothing is remembered any more when it is over, and files are read as ever', (t) => {
  const dir = join(folderFor(t), 'a')
  const memory = rememberLeases()
  openIpam(range, dir).take({ id: 'a', ifname: 'eth0', hostDevice: 'veth1' })
  const before = leaseFolder(range, dir)
  memory[Symbol.dispose]()
  assert.notEqual(leaseFolder(range, dir), before)
  assert.equal(openIpam(range, dir).list().length, 1)
})
