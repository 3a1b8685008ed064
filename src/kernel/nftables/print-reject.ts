import type { Reject } from './expr/reject.ts'
import type { TableFamily } from './message.ts'

/** A refusal in nft's words. What nft takes for the usual one, a closed port, has no words. */
export function rejectWords({ with: how, code }: Reject, family: TableFamily): string {
  if (how === 'tcp reset') return 'reject with tcp reset'
  const [name, names] =
    how === 'icmpx'
      ? (['icmpx', icmpx] as const)
      : family === 'ip6'
        ? (['icmpv6', icmpv6] as const)
        : (['icmp', icmp] as const)
  if (names[code] === 'port-unreachable' && (family === 'inet') === (how === 'icmpx')) return 'reject'
  return `reject with ${name} ${names[code] ?? code}`
}

/** Codes of destination unreachable (RFC 792, RFC 1122, RFC 1812). */
const icmp: Readonly<Record<number, string>> = {
  0: 'net-unreachable',
  1: 'host-unreachable',
  2: 'prot-unreachable',
  3: 'port-unreachable',
  9: 'net-prohibited',
  10: 'host-prohibited',
  13: 'admin-prohibited',
}

/** RFC 4443. */
const icmpv6: Readonly<Record<number, string>> = {
  0: 'no-route',
  1: 'admin-prohibited',
  3: 'addr-unreachable',
  4: 'port-unreachable',
  5: 'policy-fail',
  6: 'reject-route',
}

/** enum nft_reject_inet_code */
const icmpx: Readonly<Record<number, string>> = {
  0: 'no-route',
  1: 'port-unreachable',
  2: 'host-unreachable',
  3: 'admin-prohibited',
}
