import { createNetns } from '../../src/kernel/netns.ts'
import { SIGNALS } from '../../src/kernel/process.ts'
import { startPause } from '../../src/pod/sandbox/sandbox.ts'
import type { Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { rounds, timed } from '../harness/rounds.ts'
import { checkPod } from './node.ts'
import type { OurPlugin } from './ours.ts'
import type { Plugin } from './program.ts'

interface Peer {
  what: string
  plugin: Plugin
}

/** ADD and DEL as a container runtime makes them, and inside the agent; `settled` resolves when the kernel has deleted what was cut. */
export async function callByCall(
  count: number,
  ours: OurPlugin,
  settled: () => Promise<void>,
  peer: Peer | undefined,
): Promise<Row[]> {
  const deleted: Record<string, number[]> = {}
  const turn =
    (name: string, plugin: Plugin) =>
    async (round: number): Promise<number> => {
      const id = `${name}-${round}`
      using netns = createNetns()
      const path = `/proc/${process.pid}/fd/${netns.fd}`
      const took = await timed(() => plugin.add(id, path))
      checkPod(netns)
      const removed = await timed(() => plugin.del(id, path))
      if (round > 0) (deleted[name] ??= []).push(removed)
      await settled()
      return took
    }
  const added = await rounds(count, {
    launcher: turn('launcher', ours.launcher),
    peer: peer === undefined ? () => 0 : turn('peer', peer.plugin),
    inAgent: turn('inAgent', ours.inAgent),
    alone: turn('alone', ours.alone),
  })
  const row = (what: string, mine: number[], theirs: number[], reach?: string): Row => ({
    what,
    unit: 'ms',
    better: 'lower',
    figure: figure(mine),
    ...(peer && { peer: { what: peer.what, figure: figure(theirs) } }),
    ...(reach !== undefined && { reach }),
  })
  const theirDel = deleted['peer'] ?? []
  return [
    row('ADD, the installed program, which asks the agent', added.launcher, added.peer, 'not slower'),
    row('DEL, the same', deleted['launcher'] ?? [], theirDel),
    row('ADD inside the agent', added.inAgent, added.peer, '4 x faster'),
    row('ADD, the installed program without an agent: Node starts', added.alone, added.peer),
    row('DEL, the same', deleted['alone'] ?? [], theirDel),
  ]
}

/** Each round makes `size` pods, pause included, `inFlight` at a time, and removes them outside the clock. */
export async function manyByProgram(
  count: number,
  size: number,
  inFlight: number,
  ours: OurPlugin,
  settled: () => Promise<void>,
  peer: Peer | undefined,
): Promise<Row> {
  const turn =
    (name: string, plugin: Plugin) =>
    async (round: number): Promise<number> => {
      const made: (() => Promise<void>)[] = []
      const took = await timed(() =>
        inTurns(size, inFlight, async (at) => {
          const id = `${name}-${round}-${at}`
          const { pause, noted } = await startPause({ title: `bench/${id}`, nodename: 'bench', sharing })
          noted()
          const path = `/proc/${pause.pid}/ns/net`
          await plugin.add(id, path)
          made.push(async () => {
            await plugin.del(id, path)
            pause.signal(SIGNALS.TERM)
            await pause.ended
            pause.close()
          })
        }),
      )
      for (const remove of made) await remove()
      await settled()
      return (size * 1000) / took
    }
  const perSecond = await rounds(count, {
    ours: turn('many', ours.launcher),
    peer: peer === undefined ? () => 0 : turn('peer', peer.plugin),
  })
  return {
    what: `pods per second, pause included, ${inFlight} at a time, by the installed program`,
    unit: 'pods/s',
    better: 'higher',
    figure: figure(perSecond.ours),
    ...(peer && { peer: { what: peer.what, figure: figure(perSecond.peer) } }),
  }
}

export const sharing = { hostNetwork: false, hostIPC: false, processes: 'own' } as const

export async function inTurns(size: number, inFlight: number, body: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < size) await body(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}
