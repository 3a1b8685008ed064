import type { MachineFacts } from '../facts.ts'
import type { Check, Finding, View } from '../types.ts'
import { onNode } from './on-node.ts'
import { type Kernel, kernelsOf, machineObject } from '../kernels.ts'

/** Settings of a machine's kernel without which its pods' packets do not pass. */
export const check: Check = {
  number: 19,
  title: 'timeout: bridge-nf-call-iptables or ip_forward is off on a node',
  codes: ['ForwardingOff', 'BridgeSkipsRules', 'ConnectionTableFull'],
  needs: 'machines',
  find: (view) => [
    ...kernelsOf(view).flatMap((kernel) => [...forwarding(view, kernel), ...bridged(view, kernel)]),
    ...view.machines.flatMap((machine) => [...links(view, machine), ...full(view, machine)]),
  ],
}

function forwarding(view: View, kernel: Kernel): Finding[] {
  if (kernel.forwards) return []
  const { node, kind } = kernel
  const what =
    kind === 'router'
      ? 'no packet gets from one node to the pods of another'
      : 'its pods reach nobody on other machines, and services only by chance'
  return [
    setting(view, kernel, 'net.ipv4.ip_forward', '0', '1', 'ForwardingOff', `${node} forwards no packets: ${what}`),
  ]
}

/** Answers between two pods of one bridge have to meet the rules, to be translated back. */
function bridged(view: View, kernel: Kernel): Finding[] {
  if (kernel.kind === 'router' || kernel.filtersBridged === true || kernel.cables.length === 0) return []
  const { node, filtersBridged } = kernel
  const name = 'net.bridge.bridge-nf-call-iptables'
  const say = `on ${node}, services whose pod is on the same node as the client do not answer: the bridge carries the answer past the rules that would translate it back`
  const found = setting(
    view,
    kernel,
    name,
    filtersBridged === undefined ? 'missing' : '0',
    '1',
    'BridgeSkipsRules',
    say,
  )
  return [filtersBridged === undefined ? { ...found, fix: `modprobe br_netfilter, then ${found.fix}` } : found]
}

/** `all` is on, and one card takes no packets that are for others. */
function links(view: View, machine: MachineFacts): Finding[] {
  const { node, kind, sysctls } = machine
  if (sysctls['net.ipv4.ip_forward'] === '0') return []
  return machine.links
    .filter(({ kind: of, name }) => of === 'bridge' || name === 'eth0')
    .map(({ name }) => `net.ipv4.conf.${name.replaceAll('.', '/')}.forwarding`)
    .filter((name) => sysctls[name] === '0')
    .map((name) =>
      setting(
        view,
        { node, kind },
        name,
        '0',
        '1',
        'ForwardingOff',
        `${node} forwards nothing that comes in by ${name.split('.')[3]}`,
      ),
    )
}

/** The kernel then drops the first packet of each new connection, and tells nobody. */
function full(view: View, { node, kind, connections: { count, max } }: MachineFacts): Finding[] {
  if (max === undefined || max === 0 || count < max) return []
  const say = `${node} remembers ${count} connections, as many as it may: new ones are dropped without a word`
  const name = 'net.netfilter.nf_conntrack_max'
  return [setting(view, { node, kind }, name, String(max), String(2 * max), 'ConnectionTableFull', say)]
}

function setting(
  { cluster }: View,
  kernel: Pick<Kernel, 'node' | 'kind'>,
  name: string,
  is: string,
  shall: string,
  code: string,
  say: string,
): Finding {
  const write = `sysctl -w ${name}=${shall}`
  return {
    number: 19,
    code,
    level: 'error',
    object: machineObject(kernel),
    field: name,
    sure: 'certain',
    evidence: [{ kind: 'object', text: `${kernel.node}: ${name} = ${is}` }],
    say,
    fix: `on ${kernel.node}: ${write}`,
    ...onNode(cluster, kernel.node, write),
  }
}
