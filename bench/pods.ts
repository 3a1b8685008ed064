import { spawnSync } from 'node:child_process'
import { address } from '../src/base/address.ts'
import type { PodNetwork } from '../src/cni/network.ts'
import { createNetns } from '../src/kernel/netns.ts'
import { startPause, startSandbox } from '../src/pod/sandbox/sandbox.ts'
import { SIGNALS } from '../src/kernel/process.ts'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { cniPlugins } from './harness/peers.ts'
import { rounds, timed } from './harness/rounds.ts'
import { checkPod, ourNode, ourProgramNode, peerNode, removeScratch } from './pods/node.ts'
import type { Plugin } from './pods/program.ts'
import { callByCall, inTurns, manyByProgram, sharing } from './pods/programs.ts'

const peerName = 'bridge + host-local v1.9.1'
const inFlight = 8

/** A pod's network from nothing to its default route, alone and many at a time. */
export const bench: Bench = {
  about: `making a pod's network, against the reference CNI plugins ${peerName}`,
  where: 'namespaces',
  async prepare(): Promise<Record<string, string>> {
    // The plugin is measured as it is shipped.
    if (spawnSync('sh', ['scripts/ready'], { stdio: 'inherit' }).status !== 0) throw new Error('it cannot be bundled')
    const found = cniPlugins(true)
    return 'folder' in found ? { KUBEHOP_PEER: found.folder } : { KUBEHOP_NO_PEER: found.missing }
  },
  async run({ long, say }): Promise<Outcome> {
    try {
      const plugins = process.env['KUBEHOP_PEER']
      const { network: ours, settled } = ourNode()
      const peer = plugins === undefined ? undefined : peerNode(plugins)
      say('one after another')
      const single = await oneByOne(long ? 200 : 60, ours, settled, peer)
      say(`${inFlight} at a time, with their pause processes`)
      const many = await manyAtATime(long ? 8 : 4, long ? 100 : 40, ours, settled, peer)
      const { plugin, settled: calm } = await ourProgramNode()
      const asPeer = peer && { what: peerName, plugin: peer }
      say('as programs, one after another')
      const calls = await callByCall(long ? 100 : 30, plugin, calm, asPeer)
      say(`as programs, ${inFlight} at a time`)
      const crowd = await manyByProgram(long ? 8 : 4, long ? 100 : 40, inFlight, plugin, calm, asPeer)
      plugin.close()
      const missing = process.env['KUBEHOP_NO_PEER']
      return {
        rows: [...single, many, ...calls, crowd],
        notes: [
          ...(missing ? [`no peer in this run: ${missing}`] : []),
          'the peer is a program that starts another one, as a container runtime calls them; in the first three rows Kubehop answers inside its own process, as in a lab',
          'in the others both are called by the CNI protocol, from the same process: its spawn is in all of them',
          'the namespace is made the same way for both, and so is pause',
        ],
      }
    } finally {
      removeScratch()
    }
  },
}

async function oneByOne(
  count: number,
  ours: PodNetwork,
  settled: () => Promise<void>,
  peer: Plugin | undefined,
): Promise<Row[]> {
  const removed: Record<'ours' | 'peer', number[]> = { ours: [], peer: [] }
  const added = await rounds(count, {
    async ours(round) {
      const id = `pod-${round}`
      const begun = performance.now()
      const netns = createNetns()
      ours.add({ id, netns })
      const took = performance.now() - begun
      checkPod(netns)
      removed.ours.push(await timed(() => ours.del(id)))
      netns.close()
      await settled()
      return took
    },
    async peer(round) {
      if (!peer) return 0
      const id = `pod-${round}`
      const begun = performance.now()
      const netns = createNetns()
      const path = `/proc/${process.pid}/fd/${netns.fd}`
      await peer.add(id, path)
      const took = performance.now() - begun
      checkPod(netns)
      removed.peer.push(await timed(() => peer.del(id, path)))
      netns.close()
      return took
    },
  })
  const row = (what: string, mine: number[], theirs: number[]): Row => ({
    what,
    unit: 'ms',
    better: 'lower',
    figure: figure(mine),
    ...(peer && { peer: { what: peerName, figure: figure(theirs) } }),
  })
  return [
    { ...row('namespace to default route', added.ours, added.peer), reach: '4 x faster' },
    row('disconnected again', removed.ours, removed.peer),
  ]
}

/** Each round makes `size` pods, pause included, `inFlight` at a time, and removes them outside the clock. */
async function manyAtATime(
  count: number,
  size: number,
  ours: PodNetwork,
  settled: () => Promise<void>,
  peer: Plugin | undefined,
): Promise<Row> {
  const perSecond = await rounds(count, {
    async ours(round) {
      const input = {
        nodename: 'bench',
        sharing,
        wishes: {},
        hostIP: address('192.168.50.11'),
        network: ours,
        note: () => {},
      }
      const made: (() => Promise<void>)[] = []
      const took = await timed(() =>
        inTurns(size, inFlight, async (at) => {
          const sandbox = await startSandbox({ ...input, title: `bench/pod-${round}-${at}` })
          made.push(async () => {
            ours.del(sandbox.id)
            sandbox.pause.signal(SIGNALS.TERM)
            await sandbox.pause.ended
            sandbox.pause.close()
          })
        }),
      )
      for (const remove of made) await remove()
      await settled()
      return (size * 1000) / took
    },
    async peer(round) {
      if (!peer) return 0
      const made: (() => Promise<void>)[] = []
      const took = await timed(() =>
        inTurns(size, inFlight, async (at) => {
          const id = `pod-${round}-${at}`
          const { pause, noted } = await startPause({ title: `bench/${id}`, nodename: 'bench', sharing })
          noted()
          const path = `/proc/${pause.pid}/ns/net`
          await peer.add(id, path)
          made.push(async () => {
            await peer.del(id, path)
            pause.signal(SIGNALS.TERM)
            await pause.ended
            pause.close()
          })
        }),
      )
      for (const remove of made) await remove()
      return (size * 1000) / took
    },
  })
  return {
    what: `pods per second, pause included, ${inFlight} at a time`,
    unit: 'pods/s',
    better: 'higher',
    figure: figure(perSecond.ours),
    ...(peer && { peer: { what: peerName, figure: figure(perSecond.peer) } }),
    reach: '200 pods/s',
  }
}
