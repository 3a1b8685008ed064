/** What a kernel's error means for a request; anything else is a fault of ours. */
export const outcomes: Readonly<Record<string, 'refused' | 'unreachable' | 'too-big' | 'timeout'>> = {
  ECONNREFUSED: 'refused',
  // ICMP's "protocol unreachable": that machine does not speak it.
  ENOPROTOOPT: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  EMSGSIZE: 'too-big',
  ETIMEDOUT: 'timeout',
}
