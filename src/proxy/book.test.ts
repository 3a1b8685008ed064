import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aChange } from '../../test/rows/random-cluster.ts'
import { node, service, slice } from '../../test/rows/services.ts'
import { address } from '../base/address.ts'
import { keyOf } from '../api/client/client.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import { diff } from '../kernel/nftables/diff.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { replay, type Transaction } from '../kernel/nftables/transaction.ts'
import { Book } from './book.ts'
import { packAddress, packU32, unpackU32, type Packed } from '../kernel/nftables/packed.ts'
import { flowOf } from './layout/keys.ts'
import { listKey, listOf, wayMask } from './layout/numbers.ts'
import { model } from './model.ts'
import { serviceKeyOf } from './objects.ts'
import { portionOf } from './portion.ts'

/** Services and slices as they change, and a book that hears of every change. */
class Cluster {
  readonly services = new Map<string, Service>()
  readonly slices = new Map<string, EndpointSlice>()
  readonly book: Book

  constructor(book = new Book(node)) {
    this.book = book
  }

  put(...objects: (Service | EndpointSlice)[]): void {
    for (const object of objects) this.#change(object, () => this.#list(object).set(keyOf(object), object))
  }

  remove(...objects: (Service | EndpointSlice)[]): void {
    for (const object of objects) this.#change(object, () => this.#list(object).delete(keyOf(object)))
  }

  #change(object: Service | EndpointSlice, change: () => void): void {
    const touched = new Set<string>()
    if (object.kind === 'Service') touched.add(keyOf(object))
    else
      for (const slice of [object, this.slices.get(keyOf(object))]) {
        const key = slice && serviceKeyOf(slice)
        if (key !== undefined) touched.add(key)
      }
    change()
    for (const key of touched) {
      const service = this.services.get(key)
      const slices = [...this.slices.values()].filter((slice) => serviceKeyOf(slice) === key)
      const portion = service && portionOf(service, slices, node).portion
      this.book.put(key, portion, service?.metadata.creationTimestamp)
    }
  }

  #list(object: Service | EndpointSlice): Map<string, Service | EndpointSlice> {
    return object.kind === 'Service' ? this.services : this.slices
  }

  model(before?: Ruleset): Ruleset {
    return model(this.services.values(), this.slices.values(), node, before)
  }
}

test('after any changes the kernel would hold what a fresh start makes of the same services', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(aChange, fc.boolean()), { maxLength: 40 }), (changes) => {
      const cluster = new Cluster()
      const { book } = cluster
      let kernel = replay(undefined, diff(undefined, book.wanted))
      book.commit()
      for (const [change, commit] of changes) {
        if ('put' in change) cluster.put(change.put)
        else cluster.remove(change.remove)
        assert.deepEqual(frozen(book.committed()), frozen(kernel))
        if (!commit) continue
        const transaction = book.changes()
        assert.deepEqual(contents(transaction), contents(diff(kernel, book.wanted)))
        kernel = replay(kernel, transaction)
        book.commit()
        assert.deepEqual(frozen(kernel), frozen(book.wanted))
      }
      assert.deepEqual(numberless(book.wanted), numberless(cluster.model()))
      // A new agent that finds this in the kernel has nothing to do.
      assert.deepEqual(diff(book.wanted, cluster.model(book.wanted)).ops, [])
    }),
    { numRuns: 300 },
  )
})

test('a change of one endpoint is a change of few elements, however many there are', () => {
  const cluster = new Cluster()
  const all = Array.from({ length: 200 }, (_, i) => `100.96.2.${i + 1}@node2`)
  cluster.put(service('big', '100.64.0.9', ['http:80']), slice('big', all, ['http:8080']))
  cluster.book.commit()
  cluster.put(slice('big', ['100.96.3.1@node2', ...all.slice(1)], ['http:8080']))
  assert.deepEqual(summary(cluster.book.changes()), ['replace elements endpoints 1'])
  cluster.book.commit()
  cluster.put(slice('big', all.slice(1), ['http:8080']))
  assert.deepEqual(
    summary(cluster.book.changes()),
    [
      'add chain pick-199',
      'add rule pick-199',
      'add rule pick-199',
      'add elements ways 1',
      'replace elements endpoints 1',
      'replace elements services 1',
      'delete elements ways 1',
      'delete elements endpoints 1',
      'delete chain pick-200',
    ].toSorted(),
  )
})

test('a change that is taken back is none', () => {
  const cluster = new Cluster()
  const objects = [service('a', '100.64.0.9', ['http:80']), slice('a', ['100.96.1.2@node1'], ['http:8080'])]
  cluster.put(...objects)
  cluster.book.commit()
  cluster.remove(...objects)
  cluster.put(...objects)
  assert.deepEqual(cluster.book.changes().ops, [])
})

test('an address that several services claim is the oldest one’s, and passes on when that goes', () => {
  const aged = (name: string, since: string): Service => {
    const made = service(name, '100.64.0.9', ['dns:53/UDP'])
    return { ...made, metadata: { ...made.metadata, creationTimestamp: since } }
  }
  const young = aged('young', '2026-02-01T00:00:00Z')
  const old = aged('old', '2026-01-01T00:00:00Z')
  const cluster = new Cluster()
  const flow = flowOf(packAddress(address('100.64.0.9')), 'UDP', 53)
  const endpointsNow = (): unknown => [...(cluster.book.endpointsOf(flow) ?? [])]
  cluster.put(slice('young', ['100.96.1.2'], ['dns:5353/UDP']), slice('old', ['100.96.1.3'], ['dns:5353/UDP']), young)
  const [ofYoung] = endpointsNow() as string[]
  cluster.put(old)
  const [ofOld] = endpointsNow() as string[]
  assert.notEqual(ofOld, ofYoung)
  cluster.put(young)
  assert.deepEqual(endpointsNow(), [ofOld])
  cluster.remove(old)
  assert.deepEqual(endpointsNow(), [ofYoung])
})

test('a port that loses its address and has it back before the commit keeps its number', () => {
  const cluster = new Cluster()
  const mine = { ...service('mine', '100.64.0.9', ['http:80']) }
  const theirs = service('theirs', '100.64.0.10', ['http:80'])
  cluster.put(mine, slice('mine', ['100.96.1.2'], ['http:8080']), theirs, slice('theirs', ['100.96.1.3'], ['http:80']))
  cluster.book.commit()
  // Both at once: the numbers must not be swapped, for clients are remembered under them.
  cluster.remove(mine, theirs)
  assert.equal(cluster.book.wanted.sets.get('services')?.elements.size, 0)
  cluster.put(theirs, mine)
  assert.deepEqual(cluster.book.changes().ops, [])
})

test('when ways run out, who came last is served plainly, said so, and has its own way once one is free', () => {
  const cluster = new Cluster()
  const { book } = cluster
  const names = Array.from({ length: 1281 }, (_, i) => `s${i}`)
  const sticky = (i: number, timeoutSeconds = i + 1): Service =>
    service(`s${i}`, `100.65.${i >> 8}.${i & 255}`, ['http:80'], {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds } },
    })
  for (const [i, name] of names.entries())
    cluster.put(sticky(i), slice(name, ['100.96.1.2', '100.96.1.3'], ['http:8080']))
  const plainOnes = (): unknown => {
    book.commit()
    return [...book.takePlainChanged()].map((key) => [key, book.plain(key).map(({ wanted }) => wanted.sticky)])
  }
  assert.deepEqual(plainOnes(), [
    ['shop/s1279', [1280]],
    ['shop/s1280', [1281]],
  ])
  assert.deepEqual(plainOnes(), [])
  cluster.remove(sticky(7))
  assert.deepEqual(plainOnes(), [['shop/s1279', []]])
  assert.ok(book.wanted.chains.has('stick-2-1280'))
  // One that asks for what another has needs no way of its own.
  cluster.put(sticky(1280, 5))
  assert.deepEqual(plainOnes(), [['shop/s1280', []]])
})

function frozen(ruleset: Ruleset | undefined): unknown {
  return {
    chains: new Map(ruleset?.chains),
    sets: new Map([...(ruleset?.sets ?? [])].map(([name, set]) => [name, new Map(set.elements)])),
  }
}

/**
 * Which numbers ports have and which slots endpoints depends on history. That each port has exactly one list for each scope, with every
 * endpoint in it once, does not: flows stand for numbers, and endpoints for slots.
 */
function numberless(ruleset: Ruleset): unknown {
  const { sets, chains } = frozen(ruleset) as { sets: Map<string, Map<Packed, Packed>>; chains: Map<string, unknown> }
  const elements = (name: string): Map<Packed, Packed> => sets.get(name) ?? assert.fail(name)
  const chainOf = new Map(
    [...elements('ways')].map(([key, verdict]) => [key, (verdict as unknown as { chain: string }).chain]),
  )
  const lists = new Map<number, string[]>()
  for (const [key, endpoint] of elements('endpoints')) {
    const list = listOf(key)
    lists.set(list, [...(lists.get(list) ?? []), endpoint])
    assert.equal(key, listKey(list, (lists.get(list)?.length ?? 0) - 1), 'a slot without an endpoint')
  }
  const of = (map: string): unknown =>
    [...elements(map)]
      .map(([flow, value]) => {
        const list = listOf(value)
        const endpoints = lists.get(list) ?? assert.fail('a service without a list')
        assert.equal(new Set(endpoints).size, endpoints.length, 'an endpoint with two slots')
        const chain = chainOf.get(packU32(unpackU32(value) & wayMask)) ?? assert.fail('a way without a chain')
        const numbers = [...elements('numbers')].filter(([key]) => listOf(key) === list).map(([, number]) => number)
        const remembered = [...elements('remembered')].filter(([key]) => listOf(key) === list)
        return [
          flow,
          chain,
          endpoints.toSorted(),
          numbers.toSorted(),
          remembered.map(([key, each]) => [key.slice(4), each]).toSorted(),
        ]
      })
      .toSorted()
  const [services, inside] = [of('services'), of('inside')]
  for (const name of ['services', 'inside', 'ways', 'endpoints', 'numbers', 'remembered']) sets.delete(name)
  return { services, inside, sets, chains: [...chains.keys()].toSorted(), sources: chains.get('sources') }
}

/** A transaction's operations, each set's elements in order, for the order within one operation means nothing. */
function contents(transaction: Transaction): unknown {
  const ops = transaction.ops.map((op) =>
    'elements' in op ? { ...op, elements: [...op.elements].toSorted((a, b) => (a.key < b.key ? -1 : 1)) } : op,
  )
  const name = (op: (typeof ops)[number]): string => {
    if ('chain' in op) return `${op.op} ${typeof op.chain === 'string' ? op.chain : op.chain.name}`
    if ('set' in op) return `${op.op} ${typeof op.set === 'string' ? op.set : op.set.name}`
    return op.op
  }
  return ops.toSorted((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0))
}

function summary(transaction: Transaction): string[] {
  return transaction.ops
    .map((op) => {
      const chain = 'chain' in op ? (typeof op.chain === 'string' ? op.chain : op.chain.name) : ''
      return 'elements' in op ? `${op.op} ${op.set} ${op.elements.length}` : `${op.op} ${chain}`
    })
    .toSorted()
}
