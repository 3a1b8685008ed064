import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { address, family } from '../../base/address.ts'
import { askerAt } from '../handlers/handler.ts'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { type Message, type ResourceRecord, rcodes, types } from '../wire/message.ts'
import type { Zone } from '../zone/zone.ts'
import { queryOf, read } from './ask.ts'
import { forwarderTo, scripted, silent } from './forwarder.ts'
import { record, replyTo, type ScriptedUpstream } from './upstream.ts'

export type Ask = (name: string, type: keyof typeof types) => Promise<Message>

/** Addresses of names outside; without any an upstream fails at them. All other names there are none. */
export type Outside = ReadonlyMap<string, readonly string[]>

export interface PodOptions {
  readonly zone: Zone
  readonly outside: Outside
  /** Where it asks from. */
  readonly ip?: string
  /** The node's search domains. */
  readonly autopath?: readonly string[] | undefined
}

/** A pod that asks a server of its own. */
export async function pod(t: TestContext, { outside, ...options }: PodOptions): Promise<Ask> {
  return podOf(await upstreamOf(t, () => outside), options)
}

/** A name server for names outside, as they are at the moment. */
export function upstreamOf(t: TestContext, outside: () => Outside): Promise<ScriptedUpstream> {
  return scripted(t, (query) => {
    const { name, type } = query.questions[0] ?? { name: '', type: 0 }
    const found = outside().get(name)
    if (!found) return [replyTo(query, [], { rcode: rcodes.NXDOMAIN, authorities: [soa] })]
    if (found.length === 0) return [replyTo(query, [], { rcode: rcodes.SERVFAIL })]
    const wanted = type === types.A ? 4 : 6
    const kind = type === types.A ? 'A' : 'AAAA'
    const addresses = found.filter((one) => family(address(one)) === wanted)
    return [
      replyTo(
        query,
        addresses.map((one) => ({ ...record(name, one), type: kind }) as ResourceRecord),
      ),
    ]
  })
}

export function podOf(
  upstream: ScriptedUpstream,
  { zone, ip = '10.240.0.1', autopath }: Omit<PodOptions, 'outside'>,
): Ask {
  const forward = forwarderTo([upstream], {}, { size: 0 })
  const server = new Responder({ ...handlerList({ zone, synced: () => true, forward, autopath }), log: silent })
  return async (name, type) => {
    const reaction = server.react(queryOf(name, type), askerAt('udp', ip))
    assert.ok(reaction)
    // What is not promised stands where the next answer will.
    return read(reaction instanceof Promise ? await reaction : reaction)
  }
}

export interface Walk {
  readonly end: 'found' | 'no data' | 'failed' | 'nowhere'
  readonly addresses: readonly string[]
  /** A question is a pair for A and AAAA. */
  readonly questions: number
}

/**
 * As a resolver library walks a search list for a name with fewer dots than ndots. glibc (resolv/res_query.c) goes on until there is an address. musl
 * (src/network/lookup_name.c) goes on only where there is no such name.
 */
export async function walk(
  name: string,
  searches: readonly string[],
  library: 'glibc' | 'musl',
  ask: Ask,
): Promise<Walk> {
  const names = [...searches.map((domain) => `${name}.${domain}`), name]
  for (const [at, one] of names.entries()) {
    const pair = await Promise.all([ask(one, 'A'), ask(one, 'AAAA')])
    const addresses = pair.flatMap(({ answers }) =>
      answers.flatMap((each) => ('address' in each ? [each.address] : [])),
    )
    const questions = at + 1
    const codes = pair.map(({ rcode }) => rcode)
    if (library === 'glibc') {
      if (addresses.length > 0) return { end: 'found', addresses: addresses.sort(), questions }
    } else if (codes.includes(rcodes.SERVFAIL)) return { end: 'failed', addresses: [], questions }
    else if (!codes.includes(rcodes.NXDOMAIN))
      return { end: addresses.length > 0 ? 'found' : 'no data', addresses: addresses.sort(), questions }
  }
  return { end: 'nowhere', addresses: [], questions: names.length }
}

const soa: ResourceRecord = {
  name: '',
  class: 1,
  ttl: 900,
  type: 'SOA',
  mname: 'a.root',
  rname: 'b.root',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 5,
}
