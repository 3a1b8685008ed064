import { setTimeout as pause } from 'node:timers/promises'
import type { Figure, Row } from '../harness/bench.ts'
import { figure, tail } from '../harness/figure.ts'
import type { Connection } from '../../src/api/client/http.ts'
import type { Figures } from './agent.ts'
import { type Memory, memoryOf } from '../harness/memory.ts'
import { type Agent, type Api, startAgent, startApi } from './processes.ts'

export interface Live {
  readonly services: number
  readonly each: number
  readonly cores: { readonly agent: number | undefined; readonly api: number | undefined }
  /** Single changes that are counted. */
  readonly changes: number
  /** Seconds for which 1,000 changes a second come. */
  readonly stormSeconds?: number
  readonly memory?: boolean
  /** What a peer took for a change among as many services, and its line in a chart. */
  readonly peer?: { readonly what: string; readonly line: string; readonly figure: Figure }
  readonly peerMemory?: Memory
}

const gapMs = 4
const warmUp = 600
const perSecond = 1000
/** Of so many changes one is the slowest hundredth. */
const block = 250
const idleMs = 15_000

/** An agent that follows an API server: from the writing of a change there to its being in the kernel here. */
export async function live(options: Live): Promise<Row[]> {
  const { services, each, cores, changes, stormSeconds, peer, peerMemory } = options
  const api = startApi(services, each, cores.api)
  const { connection } = (await api.hear()) as { connection: Connection }
  const agent = startAgent(cores.agent)
  try {
    await agent.hear()
    const { syncedMs } = (await agent.ask({ start: connection })) as { syncedMs: number }
    const held = memoryOf(agent.pid)
    await watch(agent, api, { do: 'changes', count: warmUp, gapMs: 1 })
    const { seen } = await watch(agent, api, { do: 'changes', count: changes, gapMs })
    const ms = seen.map((one) => one.ms)
    const rows: Row[] = [
      {
        ...lower('all, first request to commit, agent of its own', 'ms', figure([syncedMs])),
        point: { line: 'agent', x: services },
      },
      {
        ...lower('one change, watch event to commit', 'ms', figure(ms)),
        ...(peer && { peer: { what: peer.what, figure: peer.figure } }),
        reach: '0.5 ms',
        point: { line: 'event', ...(peer && { peerLine: peer.line }), x: services },
      },
      {
        ...lower('  99 of 100 within', 'ms', tail(ms, 0.99, block)),
        reach: '3 ms',
        point: { line: 'event99', x: services },
      },
    ]
    if (stormSeconds !== undefined)
      rows.push(...storm(await watch(agent, api, { do: 'storm', perSecond, seconds: stormSeconds }), stormSeconds))
    if (options.memory) {
      await pause(idleMs)
      const idle = memoryOf(agent.pid)
      rows.push(
        {
          ...lower(`memory of that agent, ${idleMs / 1000} s after the last change (PSS)`, 'MB', megabytes(idle.pss)),
          ...(peerMemory && { peer: { what: 'kube-proxy itself', figure: megabytes(peerMemory.pss) } }),
          reach: '600 MB at 100,000',
        },
        lower('  right after its first commit (PSS)', 'MB', megabytes(held.pss)),
        lower('  resident, the most there ever was', 'MB', megabytes(idle.peak)),
      )
    }
    return rows
  } finally {
    agent.close()
    api.close()
  }
}

async function watch(agent: Agent, api: Api, command: Parameters<Api['ask']>[0]): Promise<Figures> {
  await agent.ask({ begin: true })
  const { written } = (await api.ask(command)) as { written: number }
  return (await agent.ask({ after: written })) as Figures
}

function storm({ seen, commits, cpuMs, wallMs }: Figures, seconds: number): Row[] {
  const lag = seen.map(({ ms }) => ms)
  const name = `${perSecond.toLocaleString('en')} changes a second for ${seconds} s`
  return [
    { ...lower(`${name}: event to commit`, 'ms', figure(lag)), reach: 'keeps up' },
    lower('  in its last second', 'ms', figure(lag.slice(-perSecond))),
    lower('  at its worst', 'ms', figure([Math.max(...lag)])),
    lower('  of one core', '%', figure([(100 * cpuMs) / wallMs])),
    lower('  changes in one transaction', '', figure([seen.length / commits])),
  ]
}

function lower(what: string, unit: string, value: Figure): Row {
  return { what, unit, better: 'lower', figure: value }
}

function megabytes(bytes: number): Figure {
  return figure([bytes / 1e6])
}
