import type { Pod } from '../../api/objects/pod.ts'
import { podKey } from '../../trace/cluster/cluster.ts'
import { kernelsOf, type Cable, type Kernel } from '../kernels.ts'
import type { Check, Finding, View } from '../types.ts'
import { listed, nameOf, referTo } from './finding.ts'
import { onNode } from './on-node.ts'
import { type Served, servedPorts } from './served.ts'

/**
 * A pod asks its own service and is chosen itself: the packet has to go back through the port of the bridge by which it came, which a bridge
 * does only in hairpin mode. (With bridge-nf-call-iptables the translation is done while the frame is bridged; br_nf_pre_routing_finish.)
 */
export const check: Check = {
  number: 12,
  title: 'timeout: a pod cannot reach itself through its service',
  codes: ['HairpinOff'],
  needs: 'machines',
  find: (view) => {
    const off = kernelsOf(view).flatMap((kernel) =>
      kernel.filtersBridged ? kernel.cables.flatMap((cable) => (cable.hairpin ? [] : [{ kernel, cable }])) : [],
    )
    if (off.length === 0) return []
    const serving = servingByPod(view)
    return off.flatMap(({ kernel, cable }) => ofCable(view, kernel, cable, serving.get(cable.pod ?? '')))
  },
}

interface Serving {
  readonly pod: Pod
  readonly ports: Served[]
}

/** Pods that a service leads to, by `namespace/name`: others never meet themselves. */
function servingByPod(view: View): Map<string, Serving> {
  const found = new Map<string, Serving>()
  for (const served of servedPorts(view))
    for (const { ready, pod } of served.endpoints) {
      if (!ready || !pod) continue
      const known = found.get(podKey(pod))
      if (known) known.ports.push(served)
      else found.set(podKey(pod), { pod, ports: [served] })
    }
  return found
}

function ofCable(
  { cluster }: View,
  { node }: Kernel,
  { device, bridge }: Cable,
  serving: Serving | undefined,
): Finding[] {
  if (!serving) return []
  const { pod, ports } = serving
  const services = [...new Set(ports.map(({ service }) => service))]
  const alone = ports.some(({ endpoints }) => endpoints.filter(({ ready }) => ready).length === 1)
  return [
    {
      number: 12,
      code: 'HairpinOff',
      level: 'error',
      object: { kind: 'Node', name: node },
      also: [referTo(pod), ...services.map(referTo)],
      field: `${device}: hairpin`,
      sure: 'certain',
      evidence: [{ kind: 'packet', text: `${node}: port ${device} of ${bridge}, to ${nameOf(pod)}: hairpin off` }],
      say: `${nameOf(pod)} cannot reach itself through ${listed(services.map(nameOf))}: ${node} sends nothing back by ${device}, the port by which it came (${alone ? 'always' : 'each time the pod itself is chosen'})`,
      fix: `on ${node}: bridge link set dev ${device} hairpin on; a new pod has it again`,
      ...onNode(cluster, node, `bridge link set dev ${device} hairpin on`),
    },
  ]
}
