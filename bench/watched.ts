import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { address } from '../src/base/address.ts'
import { type Agent, localAgent } from '../src/trace/agent.ts'
import type { LiveSpec } from '../src/trace/live/spec.ts'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds } from './harness/rounds.ts'
import { echoPort, greetPort, openEnds, streamPort } from './wire/ends.ts'
import { type Node, ours } from './wire/places.ts'
import type { Ask } from './wire/talk.ts'

const measures: readonly { kind: Ask['kind']; what: string; unit: string; better: Row['better'] }[] = [
  { kind: 'stream', what: 'one stream', unit: 'Gbit/s', better: 'higher' },
  { kind: 'pingpong', what: 'there and back, median', unit: 'µs', better: 'lower' },
  { kind: 'connections', what: 'new connections', unit: '/s', better: 'higher' },
]
const ports = { stream: streamPort, pingpong: echoPort, connections: greetPort } as const
const somebodyElse = address('100.96.1.250')

/** What a watch costs those who are not watched, and what it costs a storm that is. */
export const bench: Bench = {
  about:
    'pod to service on one node while a trace watches: somebody else’s traffic, or this; beside the same without a trace',
  where: 'namespaces',
  async run({ long, say }): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
    const node = ours(10, join(folder, 'node'))
    const ends = await openEnds(node.client, node.server)
    const pods = new Map([
      ['bench/client', node.client],
      ['bench/server', node.server],
    ])
    const agent = localAgent({
      node: 'node1',
      kind: 'node',
      ns: node.ns,
      podNetns: (pod) => pods.get(pod),
      podFile: () => undefined,
    })
    try {
      const rows: Row[] = []
      for (const { kind, what, unit, better } of measures) {
        say(what)
        const ask = async (): Promise<number> =>
          (await ends.ask({ kind, address: node.services[kind], port: 80, ms: long ? 1000 : 300 }))[0] ?? Number.NaN
        const measured = await rounds(long ? 30 : 10, {
          without: ask,
          others: () => watching(agent, { ...specOf(node, kind, somebodyElse), pods: [] }, ask),
          same: () => watching(agent, specOf(node, kind, somebodyElse), ask),
          this: () => watching(agent, specOf(node, kind, address(node.clientAddress)), ask),
        })
        const peer = { what: 'without a trace', figure: figure(measured.without) }
        const row = (of: string, values: readonly number[], reach?: string): Row => ({
          what: `${what}, ${of}`,
          unit,
          better,
          figure: figure(values),
          peer,
          ...(reach !== undefined && { reach }),
        })
        rows.push(
          row('other pods are watched', measured.others, '1 x'),
          row('the same pods are watched for something else', measured.same),
          row('this is watched', measured.this),
        )
      }
      return { rows, notes }
    } finally {
      ends.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

const notes = [
  'a live trace stands in the node and in both pods: packet filters, and a rule of nf_tables before all others',
  'watched itself: of thousands of new connections a second a part is followed; sender and receiver share a core with nobody, the agent is on the other',
]

function specOf({ services, address: server }: Node, kind: Ask['kind'], from: LiveSpec['from'][number]): LiveSpec {
  return {
    live: true,
    id: '00000001',
    protocol: 'tcp',
    from: [from],
    asked: [{ address: address(services[kind]), port: 80 }],
    behind: [{ address: address(server), port: ports[kind] }],
    wide: [],
    client: 'bench/client',
    pods: ['bench/client', 'bench/server'],
    seconds: 60,
    rate: 100,
  }
}

/** Runs while a watch stands. */
async function watching<T>(agent: Agent, spec: LiveSpec, run: () => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const stands = Promise.withResolvers<void>()
  const ended = (async () => {
    for await (const one of agent.observe(spec, stop.signal)) if (one.kind === 'ready') stands.resolve()
  })()
  ended.catch(stands.reject)
  await stands.promise
  try {
    return await run()
  } finally {
    stop.abort()
    await ended
  }
}
