import { podKey } from '../../trace/cluster.ts'
import { kernelsOf, type Cable, type Kernel } from '../kernels.ts'
import type { Check, Finding, View } from '../types.ts'
import { listed, nameOf, referTo } from './finding.ts'
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
    const served = servedPorts(view)
    return kernelsOf(view)
      .filter(({ filtersBridged }) => filtersBridged)
      .flatMap((kernel) =>
        kernel.cables.flatMap((cable) =>
          cable.hairpin || cable.pod === undefined ? [] : ofCable(view, kernel, cable, served),
        ),
      )
  },
}

/** A pod that no service leads to never meets itself. */
function ofCable(
  { cluster }: View,
  { node }: Kernel,
  { device, bridge, pod: key }: Cable,
  all: readonly Served[],
): Finding[] {
  const pod = cluster.pods.find((one) => podKey(one) === key)
  const own = all.filter(({ endpoints }) => endpoints.some((one) => one.ready && one.pod === pod))
  const services = [...new Set(own.map(({ service }) => service))]
  if (!pod || services.length === 0) return []
  const alone = own.some(({ endpoints }) => endpoints.filter(({ ready }) => ready).length === 1)
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
    },
  ]
}
