import { createNetns } from '../../src/kernel/netns.ts'
import type { Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { type Change, changesAmong } from './changes.ts'
import type { Served } from './make.ts'
import { type Ours, openOurs } from './ours.ts'
import { kubeProxyChange, kubeProxyTable, nftLine, runNft } from './peer.ts'

/** Changes of ours between two of the peer's. */
const inARow = 12

/** One change among all services, from the changed objects' book to the kernel's answer; and of the peer one call of nft that does the same. */
export function singleChanges(all: readonly Served[], each: number, plan: { rounds: number; peer: boolean }): Row[] {
  using ours = createNetns()
  using theirs = createNetns()
  const proxy = openOurs(ours)
  for (const served of all) proxy.put(served)
  proxy.commit()
  if (plan.peer) runNft(theirs, kubeProxyTable(all))

  const walks = { ours: changesAmong(all.length, each), theirs: changesAmong(all.length, each) }
  const kernel = { endpoint: [] as number[], service: [] as number[] }
  const peers = { endpoint: [] as number[], service: [] as number[] }
  // The first changes need chains that no service had before.
  for (let i = 0; i < 100; i++) change(proxy, walks.ours.next().value)
  for (let round = 0; round < plan.rounds; round++) {
    for (let i = 0; i < inARow; i++) {
      const next = walks.ours.next().value
      kernel[subject(next)].push(change(proxy, next))
    }
    if (!plan.peer) continue
    const next = walks.theirs.next().value
    const begun = performance.now()
    runNft(theirs, kubeProxyChange(next))
    peers[subject(next)].push(performance.now() - begun)
  }
  proxy.close()
  return (['endpoint', 'service'] as const).map((of) => ({
    what: `one ${of} added or removed, in the kernel`,
    unit: 'ms',
    better: 'lower',
    figure: figure(kernel[of]),
    ...(plan.peer && { peer: { what: nftLine, figure: figure(peers[of]) } }),
    reach: '0.05 ms',
    ...(of === 'endpoint' && { point: { line: 'kernel', peerLine: 'nft', x: all.length } }),
  }))
}

function change(proxy: Ours, { before, after }: Change): number {
  if (after) proxy.put(after)
  else if (before) proxy.remove(before)
  return proxy.commit()
}

function subject({ kind }: Change): 'endpoint' | 'service' {
  return kind.startsWith('endpoint') ? 'endpoint' : 'service'
}
