import type { ConnectionFact, ConnectionGroup, MachineFacts } from '../facts.ts'

/** Seconds without a packet after which nobody uses a connection any more: its entry only waits to be forgotten. */
export const mostIdle = 15

/** How long nobody has sent over a connection without an answer. The kernel gives its entry so many seconds from each packet on. */
export function idleSeconds(
  { sysctls }: Pick<MachineFacts, 'sysctls'>,
  protocol: ConnectionGroup['protocol'],
  { timeoutSeconds }: ConnectionFact,
): number {
  // Nobody said: then it is not known to be unused.
  if (timeoutSeconds === undefined) return 0
  const given = (name: string, usual: number): number =>
    Number(sysctls[`net.netfilter.nf_conntrack_${name}`] ?? 0) || usual
  if (protocol === 'tcp') return given('tcp_timeout_syn_sent', 120) - timeoutSeconds
  const once = given('udp_timeout', 30)
  // More, when it was answered more than once.
  return (timeoutSeconds > once ? given('udp_timeout_stream', 120) : once) - timeoutSeconds
}
