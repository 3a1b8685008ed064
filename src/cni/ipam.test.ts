import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { address, cidr } from '../base/address.ts'
import { type Ipam, openIpam } from './ipam.ts'
import { type Lease, leaseOfNote, noteOf } from './lease.ts'
import { cableNumber, isDeviceName, isSandboxId, lowestFree, macOf } from './names.ts'

function inFolder(body: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'ipam-'))
  try {
    body(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const owner = (id: string): { id: string; ifname: string; hostDevice: string } => ({
  id,
  ifname: 'eth0',
  hostDevice: 'veth1',
})
const take = (ipam: Ipam, id: string): Lease => ipam.take(owner(id))

test('a /24 begins at .2, behind the gateway', () =>
  inFolder((dir) => {
    const ipam = openIpam(cidr('100.96.1.0/24'), dir)
    assert.equal(ipam.gateway, '100.96.1.1')
    assert.equal(take(ipam, 'a').address, '100.96.1.2')
    assert.equal(take(ipam, 'b').address, '100.96.1.3')
    assert.throws(() => take(ipam, 'a'), { code: 'AlreadyAttached', message: /its eth0 has 100\.96\.1\.2 already/ })
  }))

test('as long as no address is given, no folder is made', () =>
  inFolder((dir) => {
    const folder = join(dir, 'pods', '10.0.0.0-29')
    const ipam = openIpam(cidr('10.0.0.0/29'), folder)
    assert.deepEqual([ipam.list(), ipam.last(), readdirSync(dir)], [[], undefined, []])
    take(ipam, 'a')
    assert.deepEqual(readdirSync(folder), ['10.0.0.2', 'last'])
  }))

test('a freed address rests until the range has come around, also across a restart', () =>
  inFolder((dir) => {
    const range = cidr('10.0.0.0/29')
    let ipam = openIpam(range, dir)
    const kept = take(ipam, 'kept')
    const seen: string[] = []
    for (let i = 0; i < 6; i++) {
      const lease = take(ipam, 'x')
      seen.push(lease.address)
      ipam.free(lease)
      ipam = openIpam(range, dir)
    }
    assert.equal(kept.address, '10.0.0.2')
    assert.deepEqual(seen, ['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.3', '10.0.0.4'])
  }))

test('a full range says so, and gives again what is freed', () =>
  inFolder((dir) => {
    const ipam = openIpam(cidr('10.0.0.0/29'), dir)
    const leases = ['a', 'b', 'c', 'd', 'e'].map((id) => take(ipam, id))
    assert.throws(() => take(ipam, 'f'), {
      code: 'Exhausted',
      message: /no IP addresses available in 10\.0\.0\.0\/29: all 5 are given/,
    })
    const third = leases[2] ?? assert.fail()
    ipam.free(third)
    assert.equal(take(ipam, 'f').address, third.address)
  }))

test('ranges without room for a pod are refused', () =>
  inFolder((dir) => {
    for (const text of ['10.0.0.0/31', '10.0.0.0/32', 'fd00::/127'])
      assert.throws(() => openIpam(cidr(text), dir), { code: 'RangeTooSmall' })
    assert.equal(take(openIpam(cidr('10.0.0.0/30'), dir), 'a').address, '10.0.0.2')
  }))

test('a torn write of a crash is forgotten, and what belongs to another range is refused', () =>
  inFolder((dir) => {
    const range = cidr('10.0.0.0/24')
    take(openIpam(range, dir), 'a')
    writeFileSync(join(dir, '.10.0.0.9.99999999'), '{"id":')
    assert.equal(openIpam(range, dir).list().length, 1)
    assert.deepEqual(readdirSync(dir).toSorted(), ['10.0.0.2', 'last'])
    assert.throws(() => openIpam(cidr('10.0.1.0/24'), dir), { code: 'ForeignState' })
    for (const [name, text] of [
      ['10.0.0.7', ''],
      ['10.0.0.8', '{"id":"../x","ifname":"eth0","hostDevice":"veth1"}'],
    ] as const)
      writeFileSync(join(dir, name), text)
    assert.deepEqual(
      openIpam(range, dir)
        .list()
        .map((lease) => lease.address),
      ['10.0.0.2'],
    )
  }))

test('two processes with one folder never give the same address', () =>
  inFolder((dir) => {
    const range = cidr('10.0.0.0/24')
    const [one, other] = [openIpam(range, dir), openIpam(range, dir)]
    const given = Array.from({ length: 20 }, (_, i) => take(i % 2 === 0 ? one : other, `p${i}`).address)
    assert.equal(new Set(given).size, 20)
    assert.deepEqual(JSON.parse(readFileSync(join(dir, '10.0.0.2'), 'utf8')).id, 'p0')
  }))

test('whatever is taken and freed, owners and addresses stay one to one, in memory and on disk', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 8 })), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (list) =>
      inFolder((dir) => {
        const range = cidr('10.0.0.0/29')
        const ipam = openIpam(range, dir)
        const model = new Map<string, Lease>()
        for (const [add, number] of list) {
          const id = `p${number}`
          const lease = model.get(id)
          if (!add && lease) {
            ipam.free(lease)
            model.delete(id)
          } else if (add && !lease && model.size < 5) model.set(id, take(ipam, id))
          else if (add) assert.throws(() => take(ipam, id))
        }
        const sorted = (leases: Iterable<Lease>): Lease[] =>
          [...leases].toSorted((a, b) => (a.address < b.address ? -1 : 1))
        assert.deepEqual(sorted(ipam.list()), sorted(model.values()))
        assert.deepEqual(sorted(openIpam(range, dir).list()), sorted(model.values()))
      }),
    ),
    { numRuns: 40 },
  )
})

test('the note on a cable tells whose it is, and nothing else passes for one', () => {
  const lease: Lease = { id: 'abc_1.x-y', ifname: 'eth0', address: address('100.96.1.2'), hostDevice: 'veth3' }
  assert.equal(noteOf(lease), 'pod abc_1.x-y eth0 100.96.1.2')
  assert.deepEqual(leaseOfNote('veth3', noteOf(lease)), lease)
  for (const note of [
    undefined,
    '',
    'pod',
    'pod a eth0',
    'pod a eth0 1.2.3',
    'pod a eth0 1.2.3.4 more',
    'uplink to rack 7',
  ])
    assert.equal(leaseOfNote('veth3', note), undefined)
})

test('names: cables count from 1, ids and devices are what the kernel and CNI take', () => {
  assert.deepEqual(['veth1', 'veth40', 'veth0', 'veth01', 'eth1', 'veth1x'].map(cableNumber), [
    1,
    40,
    ...Array(4).fill(undefined),
  ])
  assert.equal(lowestFree(new Set([1, 2, 4])), 3)
  assert.equal(macOf(address('100.96.1.2')), '0a:58:64:60:01:02')
  for (const bad of ['', '-a', 'a b', 'a/b', '../x', 'a%', 'x'.repeat(129)]) assert.equal(isSandboxId(bad), false, bad)
  for (const bad of ['', '.', '..', 'a/b', 'a:b', 'a b', 'sixteen-letters-', 'a%d'])
    assert.equal(isDeviceName(bad), false, bad)
  assert.ok(isSandboxId('0f'.repeat(32)) && isDeviceName('eth0') && isDeviceName('eth0.100'))
})
