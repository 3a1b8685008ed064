// How long the kernel takes to end network namespaces, one after the other and all at once: docs/decisions/pod-cables.md. As root, or in
// `unshare -rn`:
//   node bench/netns-end.ts [COUNT]
import { createNetns, type Netns } from '../src/kernel/netns.ts'
import { addLink } from '../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../src/kernel/rtnetlink/socket.ts'

const count = Number(process.argv[2] ?? 200)
using node = createNetns()
using socket = openRouteSocket(node)

/** A namespace whose end can be seen from the node: its cable goes with it. */
function plugged(): Netns {
  const ns = createNetns()
  socket.apply(addLink({ kind: 'veth', name: `veth${ns.fd}`, peer: { name: 'eth0', ns } }))
  return ns
}

function end(namespaces: readonly Netns[]): number {
  const begun = performance.now()
  for (const ns of namespaces) ns.close()
  while (socket.links().some(({ kind }) => kind === 'veth'));
  return performance.now() - begun
}

const each: number[] = []
for (let at = 0; at < count; at++) each.push(end([plugged()]))
const alone = each.reduce((sum, ms) => sum + ms, 0)
const together = end(Array.from({ length: count }, plugged))
console.log(`${count} one by one: ${alone.toFixed(0)} ms; together: ${together.toFixed(0)} ms`)
