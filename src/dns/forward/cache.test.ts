import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CacheConfig } from '../config/config.ts'
import { Cache } from './cache.ts'
import { ForwardCounts } from './counts.ts'
import { bytesNow, type Reply } from './reply.ts'

const config: CacheConfig = { size: 3, positive: 30, negative: 5, serveStale: 0 }

test('what is kept grows old: positive answers 30 s at most, negative ones 5 s, failures never', () => {
  let now = 0
  const cache = new Cache({ ...config, size: 30 }, new ForwardCounts().cache, () => now)
  const ttlOf = (key: string): number | undefined => {
    const told = cache.get(key)
    return told && bytesNow(told.reply).readUInt32BE(0)
  }
  cache.put('long', reply(300), 'a')
  cache.put('short', reply(2), 'a')
  cache.put('negative', reply(300, { negative: true, rcode: 3 }), 'a')
  cache.put('failure', reply(300, { rcode: 2 }), 'a')
  cache.put('cut', reply(300, { truncated: true }), 'a')
  cache.put('none', reply(0), 'a')
  assert.deepEqual(cache.entries, { success: 2, denial: 1 })
  now = 1500
  assert.deepEqual([ttlOf('long'), ttlOf('short'), ttlOf('negative')], [299, 1, 299])
  now = 5000
  assert.deepEqual([ttlOf('long'), ttlOf('short'), ttlOf('negative')], [295, undefined, undefined])
  now = 29_999
  assert.equal(ttlOf('long'), 271)
  now = 30_000
  assert.equal(ttlOf('long'), undefined)
  assert.deepEqual(cache.counts.hits, { success: 4, denial: 1 })
})

test('what is asked for stays when there is no room for all', () => {
  const cache = new Cache({ ...config, size: 10 }, new ForwardCounts().cache, () => 0)
  for (let at = 0; at < 1000; at++) {
    cache.put(`n${at}`, reply(10), 'a')
    if (at > 0) assert.ok(cache.get('n0'))
  }
  assert.equal(cache.entries.success, 10)
  assert.equal(cache.counts.evictions.success, 990)
})

test('long answers take the room of several, and one that would take most of it is not kept', () => {
  const cache = new Cache({ ...config, size: 50 }, new ForwardCounts().cache, () => 0)
  for (let at = 0; at < 100; at++) cache.put(`n${at}`, reply(10, {}, 8000), 'a')
  assert.ok(cache.bytes <= 50 * 2048)
  assert.equal(cache.entries.success, 11)
  cache.put('huge', reply(10, {}, 65_000), 'a')
  assert.equal(cache.get('huge') === undefined, true)
  assert.equal(cache.entries.success, 11)
})

test('what is past its time is given with a TTL of 30, for as long as is allowed', () => {
  let now = 0
  const cache = new Cache({ ...config, serveStale: 100 }, new ForwardCounts().cache, () => now)
  cache.put('a', reply(300), '9.9.9.9 port 53')
  assert.equal(cache.get('a')?.from, 'cache (9.9.9.9 port 53)')
  assert.equal(cache.stale('a'), undefined, 'it is not past its time')
  now = 30_000
  assert.equal(cache.get('a'), undefined)
  const told = cache.stale('a')?.tell()
  assert.equal(told?.from, 'stale cache (9.9.9.9 port 53)')
  assert.equal(bytesNow(told.reply).readUInt32BE(0), 30)
  cache.failed('a')
  assert.equal(cache.stale('a')?.failing, true)
  now = 35_000
  assert.equal(cache.stale('a')?.failing, false)
  now = 130_000
  assert.equal(cache.stale('a'), undefined)
  assert.deepEqual(cache.entries, { success: 0, denial: 0 })
  assert.equal(cache.bytes, 0)
})

// The model: everything that was ever put, and when. The cache may have forgotten some of it for want of room, never more.
test('whatever is put and asked for, when and in whatever order, what is told is what was put, and no older than it may be', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.oneof(
    // None so long that a cache of one answer would refuse it, and go on telling the one before.
    fc.record({ do: fc.constant('put' as const), key, ttl: fc.nat(60), kind: fc.nat(3), length: fc.nat(200) }),
    fc.record({ do: fc.constant('get' as const), key }),
    fc.record({ do: fc.constant('stale' as const), key }),
    fc.record({ do: fc.constant('wait' as const), milliseconds: fc.nat(20_000) }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(0, 1, 2, 3, 6, 100),
      fc.constantFrom(0, 20),
      (steps, size, serveStale) => {
        let now = 1
        const limits = { size, positive: 30, negative: 5, serveStale }
        const cache = new Cache(limits, new ForwardCounts().cache, () => now)
        const model = new Map<string, { reply: Reply; at: number; until: number }>()
        let evicted = 0
        for (const one of steps) {
          if (one.do === 'wait') now += one.milliseconds
          else if (one.do === 'put') {
            const made = reply(one.ttl, kinds[one.kind], one.length + 4)
            cache.put(one.key, made, 'up')
            const seconds = Math.min(made.ttl, made.negative ? 5 : 30)
            const kept = seconds > 0 && !made.truncated && (made.rcode === 0 || made.rcode === 3)
            if (kept) model.set(one.key, { reply: made, at: now, until: now + seconds * 1000 })
            evicted = cache.counts.evictions.success + cache.counts.evictions.denial
          } else {
            const known = model.get(one.key)
            const told = one.do === 'get' ? cache.get(one.key) : cache.stale(one.key)?.tell()
            const [from, until] =
              one.do === 'get' ? [0, known?.until] : [known?.until, (known?.until ?? 0) + serveStale * 1000]
            const due = known !== undefined && now >= (from ?? 0) && now < (until ?? 0)
            if (told) {
              assert.ok(due && known)
              assert.equal(told.reply.bytes, known.reply.bytes)
              const ttl = one.do === 'get' ? known.reply.ttl - Math.floor((now - known.at) / 1000) : 30
              assert.equal(bytesNow(told.reply).readUInt32BE(0), ttl)
              assert.ok(ttl > 0)
            } else assert.ok(!due || evicted > 0 || size < 100, 'nothing is forgotten without need')
          }
          const { success, denial } = cache.entries
          assert.ok(success + denial <= size && success >= 0 && denial >= 0)
          assert.ok(cache.bytes <= size * 2048 && (cache.bytes > 0 || success + denial === 0))
        }
      },
    ),
    { numRuns: 500 },
  )
})

const kinds: readonly Partial<Reply>[] = [{}, { negative: true, rcode: 3 }, { rcode: 2 }, { truncated: true }]

function reply(ttl: number, more: Partial<Reply> = {}, length = 4): Reply {
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32BE(ttl)
  return { bytes, ttls: [0], runs: [], rcode: 0, truncated: false, ttl, negative: false, age: 0, ...more }
}
